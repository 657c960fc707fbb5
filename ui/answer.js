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
  const words = element("span", { className: "words", children: passageText(source.text, source.spans) });
  const passage = element("p", { className: "passage", children: [words] });
  const place = element("p", { className: "origin", text: source.gone ? `${source.place} of an earlier index` : source.place });
  const whole = [];
  if (source.before || source.after) {
    const button = element("button", { className: "whole", type: "button", text: "Show it in the whole answer" });
    button.setAttribute("aria-expanded", "false");
    button.onclick = () => {
      const open = button.getAttribute("aria-expanded") === "true";
      const rest = (text) => (text ? [element("span", { className: "rest", text })] : []);
      if (open) passage.replaceChildren(words);
      else passage.replaceChildren(...rest(source.before), words, ...rest(source.after));
      button.setAttribute("aria-expanded", String(!open));
      button.textContent = open ? "Show it in the whole answer" : "Show the passage alone";
    };
    whole.push(button);
  }
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
    children: [summary, element("div", { className: "body", children: [passage, ...whole, place, origin] })],
  });
  details.dataset.n = source.n;
  details.choose = (span) => words.replaceChildren(...passageText(source.text, source.spans, span));
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

// How ranks moved from stage to stage: a line for each passage, those that the model was shown drawn strong.
function rankChart(funnel) {
  const [width, height, left, top] = [320, 190, 34, 22];
  const columns = [...funnel.stages, "together"];
  const x = (column) => left + (column * (width - 2 * left)) / Math.max(1, columns.length - 1);
  const y = (rank) => top + (Math.log2(Math.min(rank, 100)) * (height - top - 14)) / Math.log2(100);
  const svg = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "ranks" });
  chart.append(svg("title", {}, "Rank of each passage in each stage of the search; first is at the top"));
  columns.forEach((name, column) => {
    chart.append(svg("text", { x: x(column), y: 10, "text-anchor": "middle" }, name));
  });
  for (const rank of [1, 10, 100]) chart.append(svg("text", { x: 2, y: y(rank) + 4 }, String(rank)));
  [...funnel.rows.entries()].reverse().forEach(([place, row]) => {
    const ranks = [...row.ranks, place + 1];
    const points = ranks.map((rank, column) => (rank ? `${x(column)},${y(rank)}` : "")).filter(Boolean);
    const line = svg("polyline", { points: points.join(" "), class: row.shown ? "shown" : "left-out" });
    line.append(svg("title", {}, row.question));
    chart.append(line);
  });
  return chart;
}

function retrieved(funnel) {
  const cell = (tag, text) => element(tag, { text: String(text) });
  const row = (each) => element("tr", {
    className: each.shown ? "shown" : "",
    children: [each.n ? `[${each.n}]` : "", each.question, each.score, ...each.ranks.map((rank) => rank || "–"), each.became]
      .map((text) => cell("td", text)),
  });
  const head = ["", "question", "score", ...funnel.stages, "what became of it"].map((text) => cell("th", text));
  const table = element("table", { children: [element("tr", { children: head }), ...funnel.rows.map(row)] });
  const scroll = element("div", { className: "scroll", children: [table], tabIndex: 0 });
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "All retrieved passages");
  return scroll;
}

function factsTable(data) {
  const row = (cells) => element("tr", { children: cells.map((text) => element("td", { text })) });
  const children = [element("table", { children: data.facts.map(row) })];
  if (data.funnel.rows.length) {
    const steps = data.funnel.counts.map(([name, count]) => element("li", { text: `${count} ${name}` }));
    children.push(element("div", { className: "group", text: "From the search to the answer" }));
    children.push(element("ol", { className: "funnel", children: steps }));
    children.push(rankChart(data.funnel), retrieved(data.funnel));
  }
  if (data.prompt) {
    children.push(element("div", { className: "group", text: "What the model was shown" }));
    const prompt = element("pre", { text: data.prompt, tabIndex: 0 });
    prompt.setAttribute("role", "region");
    prompt.setAttribute("aria-label", "The prompt, word for word");
    children.push(prompt);
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
  if (data.notice) {
    const notice = element("p", { className: `notice ${data.notice.kind}`, text: data.notice.text });
    notice.setAttribute("role", "alert");
    notes.unshift(notice);
  }
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
  if (data.stopped) root.append(element("p", { className: "note", text: "This answer is incomplete: it was stopped before its end." }));
  if (data.cited.length) root.append(element("div", { className: "group", text: "Sources" }), ...pick(data.cited));
  if (data.others.length) {
    const title = data.abstained ? "Nearest passages in the file" : "Read, but not cited";
    root.append(element("div", { className: "group", text: title }), ...pick(data.others));
  }
  root.append(drawer("How this answer was made", factsTable(data)));
}
