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
// Where nothing is cited yet, the sentence to read first is marked.
function passageText(text, spans, chosen, lead) {
  const points = Array.from(text);
  const cited = spans.length || !lead ? spans : [lead];
  const marks = chosen ? [...cited.filter(([a, b]) => b <= chosen[0] || a >= chosen[1]), chosen] : [...cited];
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

// Draws a part anew only where what it shows has changed: what stands keeps its place, its focus and what was opened.
function fill(node, shown, children) {
  const state = JSON.stringify(shown);
  if (node.state === state) return;
  node.state = state;
  node.replaceChildren(...children());
}

// A passage as it was found: its question and the sentence to read first; opened, its words in their place.
function sourceCard() {
  const summary = element("summary");
  const words = element("span", { className: "words" });
  const passage = element("p", { className: "passage" });
  const body = element("div", { className: "body" });
  const details = element("details", { className: "source", children: [summary, body] });
  let source, chosen, whole = false;

  const draw = () => {
    const rest = (text) => (text ? [element("span", { className: "rest", text })] : []);
    words.replaceChildren(...passageText(source.text, source.spans, chosen, source.lead?.span));
    passage.replaceChildren(...(whole ? [...rest(source.before), words, ...rest(source.after)] : [words]));
  };
  const wholeButton = () => {
    const button = element("button", { className: "whole", type: "button" });
    const label = () => {
      button.setAttribute("aria-expanded", String(whole));
      button.textContent = whole ? "Show the passage alone" : "Show it in the whole answer";
    };
    button.onclick = () => {
      whole = !whole;
      label();
      draw();
    };
    label();
    return button;
  };
  const origin = () => {
    const line = element("p", { className: "origin" });
    if (source.source) line.append(source.source);
    if (source.url) {
      if (source.source) line.append(" · ");
      line.append(element("a", { text: source.url, href: source.url, target: "_blank", rel: "noopener noreferrer" }));
    }
    return line;
  };

  details.show = (shown) => {
    source = shown;
    details.dataset.n = source.n;
    fill(summary, [source.question, source.score, source.tag, source.lead], () => [
      element("span", { className: "n", text: `[${source.n}]` }),
      element("span", { className: "title", text: source.question }),
      ...(source.tag ? [element("span", { className: "tag", text: source.tag })] : []),
      element("span", { className: "score", text: source.score, title: "1 is first in every stage of the search" }),
      ...(source.lead ? [element("span", {
        className: source.lead.span ? "lead within" : "lead",
        children: [element("mark", { text: source.lead.text })],
      })] : []),
    ]);
    fill(body, source, () => {
      draw();
      const place = source.gone ? `${source.place} of an earlier index` : source.place;
      const button = source.before || source.after ? [wholeButton()] : [];
      const columns = source.columns.map(([name, value]) => element("p", { className: "origin", text: `${name}: ${value}` }));
      return [passage, ...button, element("p", { className: "origin", text: place }), origin(), ...columns];
    });
  };
  details.choose = (span) => {
    chosen = span;
    draw();
  };
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

// Adds what is new to the text and leaves what stands: a chip that was pressed stays pressed while the answer grows.
function grow(paragraph, pieces, cards) {
  const drawn = (paragraph.drawn ??= []);
  const states = pieces.map((piece) => JSON.stringify(piece));
  let same = 0;
  while (same < drawn.length && drawn[same].state === states[same]) same += 1;
  for (const gone of drawn.splice(same)) gone.nodes.forEach((node) => node.remove());
  for (const [place, piece] of [...pieces.entries()].slice(same)) {
    const known = piece.verdict && piece.verdict !== "supported" ? piece.verdict : "";
    const said = element("span", { text: piece.text, className: known, title: MEANING[known] ?? "" });
    const nodes = [said, ...(piece.citations ?? []).map((citation) => chip(citation, cards))];
    paragraph.append(...nodes);
    drawn.push({ state: states[place], nodes });
  }
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

const STOPPED = "This answer is incomplete: it was stopped before its end.";

// After the stop button Streamlit sends nothing more. That nothing more will come is seen from the page alone.
function whenStopped(root, then) {
  const app = document.querySelector("[data-testid=stApp]");
  if (!app || root.watched) return;
  root.watched = new MutationObserver(() => {
    if (app.getAttribute("data-test-script-state") === "notRunning") then();
  });
  root.watched.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
}

function notWatched(root) {
  root.watched?.disconnect();
  root.watched = undefined;
}

// The parts in the order in which they stand. The evidence comes before the text: it is there first, and stays where it
// is while the text grows below it.
function parts(root) {
  if (root.parts) return root.parts;
  const part = (tag, className) => root.appendChild(element(tag, { className }));
  root.cards = new Map();
  root.parts = {
    notice: part("div", "part"), notes: part("div", "part"), title: part("div", "part"), sources: part("div", "sources"),
    status: part("p", "status"), text: part("p", "text"), legend: part("div", "part"), closest: part("div", "part"),
    end: part("div", "part"), made: part("div", "part"),
  };
  root.parts.status.setAttribute("role", "status");
  return root.parts;
}

function showSources(node, sources, cards) {
  for (const [n, card] of cards) {
    if (sources.some((source) => source.n === n)) continue;
    card.remove();
    cards.delete(n);
  }
  for (const source of sources) {
    if (!cards.has(source.n)) cards.set(source.n, node.appendChild(sourceCard()));
    cards.get(source.n).show(source);
  }
}

export default function (component) {
  const { parentElement, data } = component;
  if (!data?.pieces) return;
  const root = parentElement.querySelector(".answer");
  const at = parts(root);
  const note = (text, kind = "") => element("p", { className: `note ${kind}`.trim(), text });

  fill(at.notice, data.notice, () => {
    if (!data.notice) return [];
    const notice = element("p", { className: `notice ${data.notice.kind}`, text: data.notice.text });
    notice.setAttribute("role", "alert");
    return [notice];
  });
  fill(at.notes, data.notes, () => data.notes.map(({ kind, text }) => note(`(${text})`, kind)));
  fill(at.title, data.title, () => (data.title ? [element("div", { className: "group", text: data.title })] : []));
  showSources(at.sources, data.sources, root.cards);
  at.status.textContent = data.status;
  grow(at.text, data.pieces, root.cards);

  const verdicts = ["weak", "unsupported"].filter((verdict) => data.pieces.some((piece) => piece.verdict === verdict));
  fill(at.legend, verdicts, () => verdicts.map((verdict) => {
    const sample = element("span", { text: "Underlined like this", className: verdict });
    return element("p", { className: "note", children: [sample, `: ${MEANING[verdict]}`] });
  }));
  fill(at.closest, data.closest, () => (data.closest.length ? [
    element("div", { className: "group", text: "Questions that the file does answer" }),
    element("ul", { className: "closest", children: data.closest.map((text) => element("li", { text })) }),
  ] : []));
  fill(at.end, data.stopped, () => (data.stopped ? [note(STOPPED)] : []));
  fill(at.made, data.made, () => (data.made ? [drawer("How this answer was made", factsTable(data.made))] : []));

  if (!data.growing) return notWatched(root);
  whenStopped(root, () => {
    notWatched(root);
    at.status.textContent = "";
    fill(at.end, true, () => [note(STOPPED)]);
  });
}
