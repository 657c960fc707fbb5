// Asks as typing does: the question goes into the box and is sent from there, so that it has a Stop button, too.
// False while another question is being answered.
function ask(question) {
  const box = document.querySelector("[data-testid=stChatInputTextArea]");
  if (!box || box.disabled) return false;
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, question);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  send(60);
  return true;
}

// Sends what stands in the box as soon as its button can be pressed, within so many frames.
function send(frames) {
  requestAnimationFrame(() => {
    const button = document.querySelector("[data-testid=stChatInputSubmitButton]");
    if (button && !button.disabled) button.click();
    else if (frames) send(frames - 1);
  });
}

function askButton(question, label = question) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "ask";
  button.textContent = label;
  button.onclick = () => ask(question);
  return button;
}
