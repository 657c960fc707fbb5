// Draws one answer. Every text of the file or of the model goes through textContent: none of it is read as HTML.

function element(tag, { text, className, title, children = [], ...rest } = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  if (title) node.title = title;
  Object.assign(node, rest);
  node.append(...children);
  return node;
}

const MEANING = {
  weak: "Not clearly borne out by the passages: compare their words.",
  unsupported: "Not found in the passages: check it before you rely on it.",
};

// Offsets are counted in Python, by code point: JavaScript's own strings count UTF-16 units.
function passageText(text, spans, chosen) {
  const points = Array.from(text);
  const marks = chosen ? [...spans.filter(([a, b]) => b <= chosen[0] || a >= chosen[1]), chosen] : spans;
  marks.sort((one, other) => one[0] - other[0]);
  const nodes = [];
  let at = 0;
  for (const span of marks) {
    const [start, end] = [Math.max(span[0], at), span[1]];
    if (start >= end) continue;
    nodes.push(points.slice(at, start).join(""));
    nodes.push(element("mark", { text: points.slice(start, end).join(""), className: span === chosen ? "chosen" : "" }));
    at = end;
  }
  nodes.push(points.slice(at).join(""));
  return nodes;
}

function sourceCard(source) {
  const passage = element("p", { className: "passage", children: passageText(source.text, source.spans) });
  const origin = element("p", { className: "origin" });
  if (source.source) origin.append(source.source);
  if (source.url) {
    if (source.source) origin.append(" · ");
    origin.append(element("a", { text: source.url, href: source.url, target: "_blank", rel: "noopener noreferrer" }));
  }
  const summary = element("summary", {
    children: [
      element("span", { className: "n", text: `[${source.n}]` }),
      element("span", { className: "title", text: source.question }),
      element("span", { className: "score", text: source.score, title: "1 is first in every stage of the search" }),
    ],
  });
  const details = element("details", {
    className: "source",
    children: [summary, element("div", { className: "body", children: [passage, origin] })],
  });
  details.dataset.n = source.n;
  details.choose = (span) => passage.replaceChildren(...passageText(source.text, source.spans, span));
  return details;
}

function chip(citation, cards) {
  const button = element("button", { className: "chip", type: "button", text: String(citation.n) });
  button.setAttribute("aria-label", `show the words of passage ${citation.n}`);
  button.setAttribute("aria-expanded", "false");
  button.onclick = () => {
    for (const other of button.getRootNode().querySelectorAll(".chip")) other.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-expanded", "true");
    const card = cards.get(citation.n);
    card.open = true;
    card.choose([citation.start, citation.end]);
    card.querySelector("mark.chosen")?.scrollIntoView({ block: "center", behavior: "smooth" });
  };
  return button;
}

function answerText(data, cards) {
  const paragraph = element("p", { className: "text" });
  for (const piece of data.pieces) {
    const known = piece.verdict && piece.verdict !== "supported" ? piece.verdict : "";
    paragraph.append(element("span", { text: piece.text, className: known, title: MEANING[known] ?? "" }));
    for (const citation of piece.citations ?? []) paragraph.append(chip(citation, cards));
  }
  return paragraph;
}

function drawer(title, children) {
  const summary = element("summary", { children: [element("span", { className: "title", text: title })] });
  return element("details", { children: [summary, element("div", { className: "body", children })] });
}

function factsTable(data) {
  const row = (cells) => element("tr", { children: cells.map((text) => element("td", { text })) });
  const children = [element("table", { children: data.facts.map(row) })];
  if (data.dropped.length) {
    children.push(element("div", { className: "group", text: "Also found, not shown to the model" }));
    children.push(element("table", { children: data.dropped.map((d) => row([d.score, d.question, d.reason])) }));
  }
  if (data.prompt) {
    children.push(element("div", { className: "group", text: "What the model was shown" }));
    children.push(element("pre", { text: data.prompt }));
  }
  return children;
}

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".answer");
  const cards = new Map([...data.cited, ...data.others].map((source) => [source.n, sourceCard(source)]));
  const pick = (sources) => sources.map((source) => cards.get(source.n));
  const verdicts = new Set(data.pieces.map((piece) => piece.verdict));

  const notes = data.notes.map((text) => element("p", { className: "note", text: `(${text})` }));
  root.replaceChildren(...notes, answerText(data, cards));
  for (const verdict of ["weak", "unsupported"]) {
    if (!verdicts.has(verdict)) continue;
    const sample = element("span", { text: "Underlined like this", className: verdict });
    root.append(element("p", { className: "note", children: [sample, `: ${MEANING[verdict]}`] }));
  }
  if (data.closest.length) {
    root.append(element("div", { className: "group", text: "Questions that the file does answer" }));
    root.append(element("ul", { className: "closest", children: data.closest.map((text) => element("li", { text })) }));
  }
  if (data.stopped) root.append(element("p", { className: "note", text: "You stopped this answer." }));
  if (data.cited.length) root.append(element("div", { className: "group", text: "Sources" }), ...pick(data.cited));
  if (data.others.length) {
    const title = data.abstained ? "Nearest passages in the file" : "Read, but not cited";
    root.append(element("div", { className: "group", text: title }), ...pick(data.others));
  }
  root.append(drawer("How this answer was made", factsTable(data)));
}
