// One row as elements. Texts are added as text nodes only.

const PREVIEW = 180;
const MARKS = { true: "✓ right", false: "✗ wrong" };
const TONES = { right: "good", wrong: "bad", "both answers right": "even", "both answers wrong": "odd" };

/** `<name class=kind>` with texts and elements as children. */
function element(name, kind, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...children);
  return made;
}

/** Adds `text` to `parent`, with the matches of `query` marked. */
function say(parent, text, query) {
  if (!query) {
    parent.append(text);
    return parent;
  }
  const sought = new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
  let at = 0;
  for (const match of text.matchAll(sought)) {
    parent.append(text.slice(at, match.index), element("mark", "", match[0]));
    at = match.index + match[0].length;
  }
  parent.append(text.slice(at));
  return parent;
}

/** A number in at most four digits. */
function short(number) {
  if (number === null || number === undefined) return "—";
  return Number.isInteger(number) ? number.toLocaleString("en") : String(Number(number.toPrecision(4)));
}

function preview(text) {
  return text.length > PREVIEW ? `${text.slice(0, PREVIEW)}…` : text;
}

/** The entry of a row in the list. */
function option(data, row, query) {
  const made = element("li");
  made.setAttribute("role", "option");
  made.id = `row-${row}`;
  const side = data.names[0];
  const truth = data.choices.find((each) => each.name === "label" || each.name === "answer");
  const told = truth ? truth.options[truth.values[row]] : "";
  const number = Object.keys(data.numbers)[0];
  const head = element("span", "line");
  if (truth) {
    const dot = element("i", `dot ${TONES[told] ?? "none"}`);
    dot.title = `${truth.name}: ${told}`;
    head.append(dot, element("span", "unseen", `${truth.name} ${told}: `));
  }
  head.append(say(element("span", "asked"), preview(data.texts[data.prompts[row]]), query));
  if (number) head.append(element("span", "amount", short(data.numbers[number][row])));
  const answer = preview(data.texts[data.sides[side][row]]);
  made.append(head, say(element("span", "answer"), answer, query));
  return made;
}

/** The details of a row. */
function shown(data, row, query, colouring) {
  const made = document.createDocumentFragment();
  const facts = element("dl", "facts");
  const add = (name, value) => facts.append(element("div", "", element("dt", "", name), element("dd", "", value)));
  for (const choice of data.choices) add(choice.name, choice.options[choice.values[row]]);
  for (const [name, values] of Object.entries(data.numbers)) add(name, short(values[row]));
  const asked = element("div", "asking", element("h4", "", "prompt"));
  const prompt = data.texts[data.prompts[row]];
  asked.append(prompt ? text(prompt, query) : element("p", "quiet", "none"));
  const sides = element("div", `sides of-${data.names.length}`);
  for (const name of data.names) sides.append(side(data, row, name, query, colouring));
  made.append(asked, sides);
  if (Object.keys(data.scores).length) made.append(scores(data, row));
  made.append(facts, trace(data, row));
  return made;
}

/** What the row comes from. It is filled in when it is opened. */
function trace(data, row) {
  const made = element("details", "trace", element("summary", "", "What this row comes from"));
  made.addEventListener("toggle", () => {
    if (made.children.length > 1) return;
    for (const [title, parts] of data.traces[row]) {
      const said = parts.map((part) => (typeof part === "number" ? data.texts[part] : part)).join("");
      made.append(element("h4", "", title), element("div", "said", said));
    }
    const command = `factory show ${data.address} --row ${data.ids[row]}`;
    made.append(element("h4", "", "all of it, in a terminal"), element("div", "said", command));
  });
  return made;
}

function text(said, query, shared = 0) {
  const made = element("div", "said");
  made.tabIndex = 0;
  if (shared) made.append(say(element("span", "shared"), said.slice(0, shared), query));
  return say(made, said.slice(shared), query);
}

function side(data, row, name, query, colouring) {
  const right = data.right[name][row];
  const heading = element("h4", "", name);
  if (right !== null) heading.append(element("b", `mark ${right ? "good" : "bad"}`, MARKS[right]));
  const said = data.texts[data.sides[name][row]];
  const made = element("section", `side ${name}`, heading);
  made.append(data.steps ? steps(data, row, said, query, colouring) : text(said, query, data.shared?.[row]));
  return made;
}

/** The steps of a solution, coloured by label or by value. Texts show the same as the colours. */
function steps(data, row, said, query, colouring) {
  const made = element("ol", "steps");
  const { lengths, labels, values, truths } = data.steps;
  let at = 0;
  lengths[row].forEach((length, number) => {
    const label = labels[row][number];
    const value = values[row][number];
    const truth = truths[row]?.[number] ?? null;
    let tone = label === null ? "none" : label ? "good" : "bad";
    if (colouring === "value") tone = value === null ? "none" : `t${Math.round(6 * Math.min(1, Math.max(0, value)))}`;
    const step = element("li", tone);
    const told = element("span", "told");
    told.append(element("span", "", label === null ? "not labelled" : MARKS[label]));
    told.append(element("span", "amount", value === null ? "no value" : short(value)));
    if (truth !== null) told.append(element("span", label === null || truth === label ? "quiet" : "differs", `${label === null || truth === label ? "truth:" : "≠ truth:"} ${truth ? "right" : "wrong"}`));
    step.append(say(element("span", "said"), said.slice(at, at + length).replace(/\n$/, ""), query), told);
    made.append(step);
    at += length;
  });
  return made;
}

function scores(data, row) {
  const head = element("tr", "", element("td"));
  for (const name of data.names) head.append(element("th", "number", name));
  const body = element("tbody");
  for (const [annotator, sides] of Object.entries(data.scores)) {
    const line = element("tr", "", element("th", "", annotator));
    for (const name of data.names) line.append(element("td", "number", short(sides[name]?.[row])));
    body.append(line);
  }
  return element("table", "scores", element("caption", "unseen", "Scores"), element("thead", "", head), body);
}
