// The server's REST interface: one place for addresses, the token and errors.

const TOKEN_KEY = "digital-human.token";

/** What the server refused, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  constructor(status, { code = "", message = "", fix = "", retryAfter = 0 } = {}) {
    super(message || `HTTP ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.fix = fix;
    this.retryAfter = retryAfter;
  }
}

/** Take `#token=…` out of the address, so that it is neither bookmarked nor shared. */
export function takeTokenFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return;
  setToken(token);
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN_KEY, token.trim());
}

function authorization() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function refusal(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // A proxy's page, not the server's own answer.
  }
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiError(response.status, { ...error, retryAfter: seconds > 0 ? seconds : 0 });
}

/** The raw response of an accepted request; throws ApiError for everything else. */
export async function request(method, path, { body, type, keepalive = false, signal, cache = "no-store" } = {}) {
  const headers = authorization();
  if (body !== undefined) headers["Content-Type"] = type ?? "application/json";
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers,
      keepalive,
      signal,
      cache,
      body: body === undefined || type ? body : JSON.stringify(body),
    });
  } catch (cause) {
    throw new ApiError(0, { code: "unreachable", message: String(cause) });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function json(method, path, body, signal) {
  const response = await request(method, path, { body, signal });
  return response.status === 204 ? null : response.json();
}

const session = (id) => `api/sessions/${encodeURIComponent(id)}`;

export const personas = () => json("GET", "api/personas");
export const portrait = async (path) => (await request("GET", path.replace(/^\//, ""), { cache: "default" })).blob();
export const createSession = (wanted, signal) => json("POST", "api/sessions", wanted, signal);
export const sendOffer = (id, offer, signal) =>
  json("POST", `${session(id)}/offer`, { sdp: offer.sdp, type: offer.type }, signal);
export const report = (id, note, turn) => json("POST", `${session(id)}/report`, { note, turn });

export const kiosk = (microphone) => json("GET", `api/kiosk?microphone=${microphone}`);
export const kioskTouched = () => json("POST", "api/kiosk/touch");
export const kioskReset = () => json("POST", "api/kiosk/reset");
/** What the server sees in a JPEG of the camera: {state, faces, label, spot}. */
export const look = async (jpeg) =>
  (await request("POST", "api/kiosk/camera", { body: jpeg, type: "image/jpeg" })).json();

/** End a session; also works while the page is being closed. */
export async function endSession(id) {
  try {
    await request("DELETE", session(id), { keepalive: true });
  } catch {
    // It is gone already, or the server is: either way there is nothing left to end.
  }
}
