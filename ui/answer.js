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

const still = matchMedia("(prefers-reduced-motion: reduce)");

function bringIntoSight(node, block) {
  node?.scrollIntoView({ block, behavior: still.matches ? "auto" : "smooth" });
}

// A passage as it was found: its question, who wrote it, and the sentence to read first; opened, its words in place.
function sourceCard(n) {
  const summary = element("summary");
  const words = element("span", { className: "words" });
  const passage = element("p", { className: "passage" });
  const back = element("button", { className: "small back", type: "button", text: "Back to the answer", hidden: true });
  const body = element("div", { className: "body" });
  const details = element("details", { className: "source", id: `passage-${n}`, children: [summary, body] });
  let source, chosen, cameFrom, whole = false;

  const draw = () => {
    const rest = (text) => (text ? [element("span", { className: "rest", text })] : []);
    words.replaceChildren(...passageText(source.text, source.spans, chosen, source.lead?.span));
    passage.replaceChildren(...(whole ? [...rest(source.before), words, ...rest(source.after)] : [words]));
  };
  const wholeButton = () => {
    const button = element("button", { className: "small", type: "button" });
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
  const link = () => element("a", {
    text: source.link, href: source.url, target: "_blank", rel: "noopener noreferrer", title: `${source.url}, as the file has it`,
  });
  const goBack = () => {
    details.open = false;
    cameFrom?.focus();
    bringIntoSight(cameFrom, "nearest");
  };
  back.onclick = goBack;
  details.onkeydown = (event) => {
    if (event.key === "Escape" && cameFrom) goBack();
  };
  details.ontoggle = () => {
    if (details.open) return;
    cameFrom?.setAttribute("aria-expanded", "false");
    [cameFrom, chosen, back.hidden] = [undefined, undefined, true];
    draw();
  };

  details.show = (shown) => {
    source = shown;
    details.dataset.n = source.n;
    const origin = [source.source, source.host].filter(Boolean).join(" · ");
    fill(summary, [source.question, origin, source.tag, source.lead], () => [
      element("span", { className: "n", text: `[${source.n}]` }),
      element("span", { className: "title", text: source.question }),
      ...(source.tag ? [element("span", { className: "tag", text: source.tag })] : []),
      ...(origin ? [element("span", { className: "from", text: origin })] : []),
      ...(source.lead ? [element("span", {
        className: source.lead.span ? "lead within" : "lead",
        children: [element("mark", { text: source.lead.text })],
      })] : []),
    ]);
    fill(body, source, () => {
      draw();
      const line = (children) => element("p", { className: "origin", children });
      const place = source.gone ? `${source.place} of an earlier index` : source.place;
      const score = element("span", { className: "score", text: source.score });
      return [
        passage, back, ...(source.before || source.after ? [wholeButton()] : []),
        ...(source.url ? [line([...(source.source ? [`${source.source}: `] : []), link()])] : source.source ? [line([source.source])] : []),
        ...source.columns.map(([name, value]) => line([`${name}: ${value}`])),
        line([place, "; score ", score, " (1 is first in every stage of the search)"]),
      ];
    });
  };
  details.choose = (span, from) => {
    if (cameFrom !== from) cameFrom?.setAttribute("aria-expanded", "false");
    [chosen, cameFrom, back.hidden] = [span, from, false];
    from.setAttribute("aria-expanded", "true");
    details.open = true;
    draw();
    const mark = details.querySelector("mark.chosen");
    if (!mark) return;
    mark.tabIndex = -1;
    mark.focus({ preventScroll: true });
    bringIntoSight(mark, "center");
  };
  return details;
}

// The words that a citation rests on, beside the pointer or the focus.
function preview(root) {
  if (root.preview) return root.preview;
  const box = root.appendChild(element("div", { className: "preview", id: "preview", hidden: true }));
  box.setAttribute("role", "tooltip");
  let leaving;
  const hide = () => { box.hidden = true; };
  const stay = () => clearTimeout(leaving);
  box.onmouseenter = stay;
  box.onmouseleave = hide;
  root.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  root.preview = {
    hide,
    leave: () => { leaving = setTimeout(hide, 200); },
    show: (button, title, quote) => {
      stay();
      box.replaceChildren(element("strong", { text: title }), element("span", { text: quote }));
      box.hidden = false;
      const [around, at] = [root.getBoundingClientRect(), button.getBoundingClientRect()];
      box.style.left = `${Math.max(0, Math.min(at.left - around.left, around.width - box.offsetWidth))}px`;
      box.style.top = `${at.top - around.top - box.offsetHeight - 6}px`;
    },
  };
  return root.preview;
}

function chip(citation, cards, root) {
  const button = element("button", { className: "chip", type: "button", text: String(citation.n) });
  button.setAttribute("aria-label", `show the words of passage ${citation.n}`);
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", `passage-${citation.n}`);
  button.onclick = () => {
    preview(root).hide();
    const card = cards.get(citation.n);
    if (card.open && button.getAttribute("aria-expanded") === "true") card.open = false;
    else card.choose([citation.start, citation.end], button);
  };
  const show = () => preview(root).show(button, cards.get(citation.n).querySelector(".title").textContent, citation.quote);
  button.onmouseenter = show;
  button.onmouseleave = () => preview(root).leave();
  button.onfocus = () => { if (button.matches(":focus-visible")) show(); };
  button.onblur = () => preview(root).hide();
  return button;
}

// The lines of a text between sentences: where a paragraph or an item of a list begins, and what it says.
const BREAK = /(\n\s*(?:(?:[-•*–]|\d{1,2}[.)])[ \t]+)?)/;

function lines(text) {
  return text.split(BREAK).map((part, place) => {
    if (place % 2 === 0) return { text: part };
    const marker = part.trim();
    return marker ? { item: Number.parseInt(marker, 10) || 0 } : { paragraph: true };
  }).filter((line) => line.text !== "");
}

// Where the next words go: into the item or the paragraph that stands last, or into a new one.
function opened(text, line, last) {
  const place = (tag, within, rest = {}) => within.appendChild(element(tag, rest));
  if (line.item === undefined) return line.paragraph || !last ? place("p", text) : last;
  const kind = line.item ? "OL" : "UL";
  const list = last?.parentNode?.tagName === kind ? last.parentNode : place(kind, text);
  return place("li", list, line.item ? { value: line.item } : {});
}

// Adds what is new to the text and leaves what stands: a chip that was pressed stays pressed while the answer grows.
function grow(text, pieces, cards, root) {
  const drawn = (text.drawn ??= []);
  const states = pieces.map((piece) => JSON.stringify(piece));
  let same = 0;
  while (same < drawn.length && drawn[same].state === states[same]) same += 1;
  for (const gone of drawn.splice(same)) gone.nodes.forEach((node) => node.remove());
  for (const empty of [...text.querySelectorAll("p, li, ul, ol")].reverse()) if (!empty.hasChildNodes()) empty.remove();
  for (const [place, piece] of [...pieces.entries()].slice(same)) {
    const known = piece.verdict && piece.verdict !== "supported" ? piece.verdict : "";
    let last = drawn.at(-1)?.last;
    const nodes = [];
    for (const line of piece.verdict ? [{ text: piece.text }] : lines(piece.text)) {
      if (line.text === undefined || !last?.isConnected) last = opened(text, line, last?.isConnected ? last : undefined);
      if (line.text === undefined) continue;
      nodes.push(last.appendChild(element("span", { text: line.text, className: known, title: MEANING[known] ?? "" })));
    }
    for (const citation of piece.citations ?? []) nodes.push(last.appendChild(chip(citation, cards, root)));
    drawn.push({ state: states[place], nodes, last });
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
    children.push(element("h4", { className: "group", text: "From the search to the answer" }));
    children.push(element("ol", { className: "funnel", children: steps }));
    children.push(rankChart(data.funnel), retrieved(data.funnel));
  }
  if (data.prompt) {
    children.push(element("h4", { className: "group", text: "What the model was shown" }));
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
  root.whenStopped = then;
  if (!app || root.watched) return;
  root.watched = new MutationObserver(() => {
    if (app.getAttribute("data-test-script-state") === "notRunning") root.whenStopped();
  });
  root.watched.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
}

function notWatched(root) {
  root.watched?.disconnect();
  root.watched = undefined;
}

// The beginning of the newest answer comes into sight once, and then the page is the reader's.
function bringQuestionIntoSight(root) {
  if (root.seen) return;
  root.seen = true;
  const messages = [...document.querySelectorAll("[data-testid=stChatMessage]")];
  const mine = messages.findIndex((message) => message.contains(root.getRootNode().host ?? root));
  requestAnimationFrame(() => bringIntoSight(messages[mine - 1], "start"));
}

// The parts in the order in which they stand. The evidence comes before the text: it is there first, and stays where it
// is while the text grows below it. What is known only at the end stands below the text, so that nothing moves.
function parts(root) {
  if (root.parts) return root.parts;
  const part = (tag, className) => root.appendChild(element(tag, { className }));
  root.cards = new Map();
  root.parts = {
    notice: part("div", "part"), notes: part("div", "part"), title: part("div", "part"), sources: part("div", "sources"),
    label: part("div", "part"), text: part("div", "text"), status: part("p", "status"), lacks: part("div", "part"),
    remarks: part("div", "part"), legend: part("div", "part"), end: part("div", "part"), closest: part("div", "part"),
    actions: part("div", "actions"), further: part("div", "part"), made: part("div", "part"),
  };
  root.parts.sources.id = "passages";
  root.parts.status.setAttribute("role", "status");
  root.parts.text.setAttribute("aria-live", "polite");
  return root.parts;
}

function showSources(node, sources, cards) {
  for (const [n, card] of cards) {
    if (sources.some((source) => source.n === n)) continue;
    card.remove();
    cards.delete(n);
  }
  for (const source of sources) {
    if (!cards.has(source.n)) cards.set(source.n, node.appendChild(sourceCard(source.n)));
    cards.get(source.n).show(source);
  }
}

const heading = (text) => element("h3", { className: "group", text });

// Passages that hold no answer stand behind their heading, below the words that say so.
function showTitle(root, at, { kind, title }) {
  const apart = kind === "none";
  at.sources.hidden = apart && !root.shown;
  fill(at.title, [kind, title], () => {
    if (!title || !apart) return title ? [heading(title)] : [];
    root.insertBefore(at.label, at.title);
    root.insertBefore(at.text, at.title);
    const button = element("button", { className: "disclosure", type: "button", text: title });
    button.setAttribute("aria-controls", "passages");
    button.setAttribute("aria-expanded", String(!at.sources.hidden));
    button.onclick = () => {
      root.shown = at.sources.hidden;
      at.sources.hidden = !at.sources.hidden;
      button.setAttribute("aria-expanded", String(!at.sources.hidden));
    };
    return [element("h3", { className: "group", children: [button] })];
  });
}

const LABELS = { none: "No answer", quoted: "In the words of the file" };
const LACKS = "Not answered: ";

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // over plain http, from another machine, there is no clipboard
    const area = document.body.appendChild(element("textarea", { value: text }));
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function actionButtons(root) {
  const copy = element("button", { className: "small", type: "button", text: "Copy" });
  copy.onclick = async () => {
    await copyText(root.copied);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  };
  copy.setAttribute("aria-live", "polite");
  const again = askButton(root.asked, "Ask again");
  again.className = "small";
  return [copy, again];
}

function questionList(title, questions) {
  const items = questions.map((question) => element("li", { children: [askButton(question)] }));
  return [heading(title), element("ul", { className: "questions", children: items })];
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  if (!data?.pieces) return;
  const root = parentElement.querySelector(".answer");
  const at = parts(root);
  const note = (text, kind = "") => element("p", { className: `note ${kind}`.trim(), text });
  const notes = (node, each, before = "") => fill(node, each, () => each.map(({ kind, text }) => note(before + text, kind)));
  const actions = (shown) => fill(at.actions, [shown, data.asked], () => (shown && data.asked ? actionButtons(root) : []));
  [root.copied, root.asked] = [data.copy, data.asked];
  root.className = `answer ${data.kind}`;
  root.classList.toggle("growing", data.growing);

  fill(at.notice, [data.notice, data.newest], () => {
    if (!data.notice) return [];
    const notice = element("p", { className: `notice ${data.notice.kind}${data.newest ? "" : " past"}`, text: data.notice.text });
    if (data.newest) notice.setAttribute("role", "alert");
    return [notice];
  });
  notes(at.notes, data.notes);
  showTitle(root, at, data);
  showSources(at.sources, data.sources, root.cards);
  fill(at.label, data.kind, () => (LABELS[data.kind] ? [heading(LABELS[data.kind])] : []));
  at.status.textContent = data.status;
  at.text.setAttribute("aria-busy", String(data.growing));
  grow(at.text, data.pieces, root.cards, root);
  notes(at.lacks, data.lacks, LACKS);
  notes(at.remarks, data.remarks);

  const verdicts = ["weak", "unsupported"].filter((verdict) => data.pieces.some((piece) => piece.verdict === verdict));
  fill(at.legend, verdicts, () => verdicts.map((verdict) => {
    const sample = element("span", { text: "Underlined like this", className: verdict });
    return element("p", { className: "note", children: [sample, `: ${MEANING[verdict]}`] });
  }));
  fill(at.closest, data.closest, () => (data.closest.length ? questionList("Questions that the file does answer", data.closest) : []));
  fill(at.end, data.stopped, () => (data.stopped ? [note(STOPPED, "stopped")] : []));
  actions(!data.growing);
  fill(at.further, [data.further, data.newest], () => (
    data.newest && data.further.length ? questionList("Ask further", data.further) : []
  ));
  fill(at.made, data.made, () => (data.made ? [drawer("How this answer was made", factsTable(data.made))] : []));

  if (data.newest) bringQuestionIntoSight(root);
  if (!data.growing) return notWatched(root);
  whenStopped(root, () => {
    notWatched(root);
    at.status.textContent = "";
    root.classList.remove("growing");
    at.text.setAttribute("aria-busy", "false");
    fill(at.end, true, () => [note(STOPPED, "stopped")]);
    actions(true);
    setTriggerValue("stopped", true); // the page is drawn again, with what it offers below an answer
  });
}
