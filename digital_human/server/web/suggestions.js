// Questions that can be put with one touch.

/** A list item with a button for each question. */
export function suggested(questions, ask) {
  return questions.map((question) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = question;
    button.addEventListener("click", () => ask(question));
    item.append(button);
    return item;
  });
}
