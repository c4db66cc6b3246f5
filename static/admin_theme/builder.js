// The builder of promotions. The server draws everything; here is only what a keyboard needs:
// the lists under search fields, and Enter that does not send the form.
(() => {
  const WAIT = 200;
  let timer;

  const listOf = (field) => document.getElementById(field.getAttribute("aria-controls"));

  const close = (field) => {
    listOf(field).replaceChildren();
    field.setAttribute("aria-expanded", "false");
  };

  const form = () => document.getElementById("builder");

  const put = (field, code) => {
    const button = document.createElement("button");
    button.type = "submit";
    button.name = "do";
    button.value = `put:${field.dataset.at}:${code}`;
    button.setAttribute("hx-post", form().getAttribute("action"));
    listOf(field).replaceChildren(button);
    htmx.process(button);
    button.click();
  };

  const look = async (field) => {
    const text = field.value.trim();
    if (!text || !field.dataset.url) return close(field);
    const asked = new URLSearchParams({ q: text, at: field.dataset.at });
    const answer = await fetch(`${field.dataset.url}?${asked}`, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok || field.value.trim() !== text) return;
    listOf(field).innerHTML = await answer.text();
    for (const option of listOf(field).children) option.setAttribute("hx-post", form().getAttribute("action"));
    htmx.process(listOf(field));
    field.setAttribute("aria-expanded", "true");
  };

  // What is typed into a search or the JSON is no change of the form yet.
  for (const kind of ["input", "change"]) {
    document.addEventListener(
      kind,
      (event) => {
        if (!event.target.matches?.("[data-quiet]")) return;
        event.stopPropagation();
        if (kind === "input" && event.target.matches("[data-find]")) {
          clearTimeout(timer);
          timer = setTimeout(() => look(event.target), WAIT);
        }
      },
      true,
    );
  }

  const inList = (event, field, options) => {
    const at = options.indexOf(document.activeElement);
    if (event.key === "ArrowDown") (options[at + 1] ?? options[0])?.focus();
    else if (event.key === "ArrowUp") (at > 0 ? options[at - 1] : field).focus();
    else if (event.key === "Escape") {
      close(field);
      field.focus();
    } else return;
    event.preventDefault();
  };

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.(".b-find");
    if (box) {
      const field = box.querySelector("[data-find]");
      inList(event, field, [...box.querySelectorAll("[role=option]")]);
      if (event.key === "Enter" && event.target === field) {
        event.preventDefault();
        const first = box.querySelector("[role=option]");
        if (first) first.click();
        else if (field.value.trim()) put(field, field.value.trim());
      }
      return;
    }
    if (event.key === "Enter" && event.target.matches?.("#builder input")) event.preventDefault();
  });

  document.addEventListener("focusin", (event) => {
    for (const field of document.querySelectorAll("[data-find][aria-expanded=true]")) {
      if (!field.closest(".b-find").contains(event.target)) close(field);
    }
  });

  // Links to what is still to be filled in lead into folded parts too.
  document.addEventListener("click", (event) => {
    const id = event.target.closest?.("#said a[href^='#']")?.getAttribute("href").slice(1);
    const field = id && document.getElementById(id);
    if (!field) return;
    event.preventDefault();
    for (let at = field; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    field.scrollIntoView({ block: "center" });
    (field.matches("input, select, textarea") ? field : field.querySelector("input:not([type=hidden]), select"))?.focus();
  });
})();
