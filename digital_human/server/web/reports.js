// One-click reports of an answer, with a note if the visitor wants to say more.

import { report } from "./api.js";
import { askNote, toast } from "./dialogs.js";
import { t } from "./i18n.js";

export async function sendReport(session, turn) {
  try {
    await report(session, "", turn);
    toast(t().reported, { label: t().addNote, run: () => addNote(session, turn) });
  } catch {
    toast(t().reportFailed);
  }
}

async function addNote(session, turn) {
  const note = await askNote();
  if (!note) return;
  try {
    await report(session, note, turn);
    toast(t().reported);
  } catch {
    toast(t().reportFailed);
  }
}
