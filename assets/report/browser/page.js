// Handles the reader's input: search, filters, pages, rows and colours.

const PAGE = 50;
const by = (id) => document.getElementById(id);

for (const input of document.querySelectorAll("input[name=theme]")) {
  input.addEventListener("change", () => {
    if (input.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = input.value;
  });
}

function browse(data) {
  const list = by("list");
  let rows = [];
  let page = 0;
  let at = 0; // the place of the chosen row in `rows`
  let query = "";

  const colouring = () => document.querySelector("input[name=colouring]:checked")?.value;
  const bound = (id) => (by(id) === null || by(id).value === "" ? null : Number(by(id).value));

  function wanted() {
    const choices = [];
    for (const select of document.querySelectorAll("select[data-choice]")) {
      if (select.value === "") continue;
      choices.push({ values: data.choices[Number(select.dataset.choice)].values, option: Number(select.value) });
    }
    const numbers = by("number") === null ? [] : data.numbers[by("number").value];
    const order = by("order") === null ? 0 : Number(by("order").value);
    return { query, choices, numbers, low: bound("low"), high: bound("high"), order };
  }

  async function search() {
    query = by("query").value.trim().toLowerCase();
    const asking = wanted();
    const count = asking.choices.length + (asking.low !== null || asking.high !== null) + (asking.order !== 0);
    by("filtering").textContent = count ? ` · ${count}` : "";
    const found = await find(data, asking, (some, share) => {
      by("status").textContent = `${some.length.toLocaleString("en")} so far, ${Math.round(100 * share)} % searched`;
    });
    if (found === null) return;
    rows = found.rows;
    const total = data.rows.toLocaleString("en");
    const told = rows.length === data.rows ? `All ${total} rows` : `${rows.length.toLocaleString("en")} of ${total} rows`;
    by("status").textContent = `${told} · ${Math.round(found.milliseconds)} ms`;
    by("status").dataset.milliseconds = found.milliseconds.toFixed(1);
    choose(0);
  }

  /** Shows the row at a place in the results, and its page of the list. */
  function choose(place) {
    at = Math.max(0, Math.min(rows.length - 1, place));
    page = Math.floor(at / PAGE);
    const options = rows.slice(page * PAGE, (page + 1) * PAGE).map((row, number) => {
      const made = option(data, row, query);
      made.setAttribute("aria-selected", String(page * PAGE + number === at));
      made.setAttribute("aria-setsize", String(rows.length));
      made.setAttribute("aria-posinset", String(page * PAGE + number + 1));
      made.addEventListener("click", () => {
        choose(page * PAGE + number);
        if (matchMedia("(max-width: 52rem)").matches) by("detail").scrollIntoView({ block: "start" });
      });
      return made;
    });
    list.replaceChildren(...options);
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    by("pages").textContent = pages.toLocaleString("en");
    by("page").value = page + 1;
    by("page").max = pages;
    by("first").disabled = by("back").disabled = page === 0;
    by("last").disabled = by("forth").disabled = page >= pages - 1;
    by("previous").disabled = at === 0;
    by("next").disabled = at >= rows.length - 1;
    detail();
    const chosen = options[at - page * PAGE];
    if (chosen === undefined) {
      list.removeAttribute("aria-activedescendant");
      return;
    }
    list.setAttribute("aria-activedescendant", chosen.id);
    // Only the list scrolls: the page must not move while somebody reads.
    const [top, bottom] = [chosen.offsetTop, chosen.offsetTop + chosen.offsetHeight];
    list.scrollTop = Math.min(top, Math.max(bottom - list.clientHeight, Math.min(list.scrollTop, top)));
  }

  function detail() {
    if (rows.length === 0) {
      by("place").textContent = "";
      by("row").replaceChildren(element("p", "quiet nothing", "No row matches."));
      return;
    }
    by("place").textContent = `${(at + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    by("row").replaceChildren(shown(data, rows[at], query, colouring()));
  }

  const turn = (pages) => choose((page + pages) * PAGE);
  const end = () => choose(Math.floor((rows.length - 1) / PAGE) * PAGE);
  by("query").addEventListener("input", search);
  by("filters").addEventListener("input", search);
  by("clear").addEventListener("click", () => {
    for (const field of by("filters").querySelectorAll("select, input")) {
      if (field.tagName === "SELECT") field.selectedIndex = 0;
      else field.value = "";
    }
    search();
  });
  by("first").addEventListener("click", () => choose(0));
  by("back").addEventListener("click", () => turn(-1));
  by("forth").addEventListener("click", () => turn(1));
  by("last").addEventListener("click", end);
  by("page").addEventListener("change", () => choose((Number(by("page").value) - 1) * PAGE));
  by("previous").addEventListener("click", () => choose(at - 1));
  by("next").addEventListener("click", () => choose(at + 1));
  for (const input of document.querySelectorAll("input[name=colouring]")) input.addEventListener("change", detail);

  const anywhere = { j: () => choose(at + 1), k: () => choose(at - 1), "[": () => turn(-1), "]": () => turn(1) };
  const listed = {
    ArrowDown: anywhere.j, ArrowUp: anywhere.k, PageDown: anywhere["]"], PageUp: anywhere["["],
    ArrowRight: anywhere["]"], ArrowLeft: anywhere["["], Home: () => choose(0), End: () => choose(rows.length - 1),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.("input:not([type=radio]), select, textarea");
    if (typing) {
      if (event.target === by("query") && (event.key === "Enter" || event.key === "ArrowDown")) {
        event.preventDefault();
        list.focus();
      } else if (event.key === "Escape") {
        list.focus();
      }
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
      by("query").focus();
      by("query").select();
      return;
    }
    const does = anywhere[event.key] ?? (event.target === list ? listed[event.key] : undefined);
    if (does) {
      event.preventDefault();
      does();
    }
  });

  by("filters").open = !matchMedia("(max-width: 52rem)").matches;
  by("notice").hidden = true;
  by("browser").hidden = false;
  search();
}

(async () => {
  if (!("DecompressionStream" in window)) {
    by("notice").textContent = "This browser is too old to show the rows. The rest of the page works.";
    return;
  }
  const packed = by("data");
  const data = await read(packed.textContent, (share) => {
    by("notice").textContent = `Reading the rows, ${Math.round(100 * share)} %`;
  });
  packed.remove(); // frees its memory
  browse(data);
})();
