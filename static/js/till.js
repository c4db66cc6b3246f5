// The till by keyboard and scanner. Three small things that HTML alone cannot do:
// a queue, so that no scan is lost; keys; and a focus that is never nowhere.
(() => {
  const first = (selector) => document.querySelector(selector);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  // --- One request at a time, in the order of the keys. A scanner is faster than any server,
  // and two answers that overtake one another would show a basket that never was.
  let queue = Promise.resolve();
  const queued = (work) => (queue = queue.then(work).catch((error) => console.error(error)));

  // Only one request is ever under way, so the next that ends is ours. The page settles without delay.
  const answered = () =>
    Promise.race([
      new Promise((done) => document.addEventListener("htmx:afterRequest", done, { once: true })),
      pause(10000),
    ]);

  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    const element = event.detail.elt;
    const scan = element.querySelector("[data-scan]");
    // What was scanned is put aside at once: the field is free for the next scan.
    const typed = scan && scan.value;
    if (scan) {
      if (!typed.trim()) return;
      scan.value = "";
    }
    queued(async () => {
      if (!document.contains(element)) return;
      if (scan) element.querySelector("[data-scanned]").value = typed;
      const answer = answered();
      event.detail.issueRequest(true);
      await answer;
    });
  });

  // --- What was not answered is said: silence would look like a scan that worked.
  const trouble = (shown) => () => {
    if (first("#trouble")) first("#trouble").hidden = !shown;
  };
  document.addEventListener("htmx:responseError", trouble(true));
  document.addEventListener("htmx:sendError", trouble(true));
  document.addEventListener("htmx:afterSwap", trouble(false));

  // --- Keys. A button says which one is its own: <button data-key="F8">. Of two the later one
  // is meant: what a panel offers goes before what the page's head always offers.
  const pressed = (key) => [...document.querySelectorAll(`[data-key="${key}"]:not([disabled])`)].at(-1);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key.startsWith("Arrow")) return walk(event);
    if (!/^(F\d+|Escape)$/.test(event.key) || !pressed(event.key)) return;
    event.preventDefault();
    queued(() => {
      const owner = pressed(event.key);
      if (!owner) return;
      if (owner.matches("input, select")) return take(owner);
      owner.click();
    });
  });

  // Up and down walk through a list of buttons.
  const walk = (event) => {
    const list = event.target.closest("[data-walk]");
    if (!list || !/^Arrow(Up|Down)$/.test(event.key)) return;
    const stops = [...list.querySelectorAll("button, a")];
    const next = stops[stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  // --- Focus: what asks for it, else the field for scans.
  const take = (field) => {
    field.focus();
    if (field.select) field.select();
  };
  const settle = (within) => {
    const wanted =
      within.querySelector('[aria-invalid="true"]') ||
      within.querySelector("[autofocus]") ||
      within.querySelector("[data-next]") ||
      [...within.querySelectorAll("[data-first-empty] input:not([type=hidden])")].find((field) => !field.value);
    if (wanted) return take(wanted);
    // Whoever types elsewhere by now is left alone; whoever stood in what was replaced goes on scanning.
    const active = document.activeElement;
    const lost = !active || active === document.body || within.contains(active);
    if (lost && first("[data-home]")) take(first("[data-home]"));
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    const target = event.detail.target || document;
    // A search that was answered is over: nobody's phone stays on the screen.
    const search = first("#member-text");
    if (search && target.id === "sale" && search !== document.activeElement) search.value = "";
    settle(target);
  });
  document.addEventListener("DOMContentLoaded", () => {
    settle(document);
    document.querySelectorAll("form[data-due]").forEach(change);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-dismiss]")) return;
    const panel = first(event.target.closest("[data-dismiss]").dataset.dismiss);
    if (panel) panel.replaceChildren();
    if (first("[data-home]")) take(first("[data-home]"));
  });

  // --- Money typed against money due: the change, before the drawer opens. The server counts again.
  const minor = (text, places) => {
    const clean = text.replace(/[\s\u00a0\u202f]/g, "").replace(",", ".");
    if (!/^\d*(\.\d*)?$/.test(clean) || !clean) return 0;
    const [whole, part = ""] = clean.split(".");
    return Number(whole || 0) * 10 ** places + Number((part + "0".repeat(places)).slice(0, places) || 0);
  };
  const change = (form) => {
    const { due, places } = form.dataset;
    const paid = [...form.querySelectorAll("[data-tender]")].reduce((sum, field) => sum + minor(field.value, +places), 0);
    const left = paid - Number(due);
    const shown = (Math.abs(left) / 10 ** places).toLocaleString(document.documentElement.lang, {
      minimumFractionDigits: +places,
      maximumFractionDigits: +places,
    });
    if (!form.querySelector("[data-change]")) return;
    form.querySelector("[data-change]").textContent = shown;
    form.querySelector("[data-change-name]").textContent =
      left < 0 ? form.dataset.missing : form.dataset.changeName;
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-due]");
    if (form && event.target.matches("[data-tender]")) change(form);
  });
  document.addEventListener("click", (event) => {
    const all = event.target.closest("[data-fill]");
    if (!all) return;
    const form = all.form;
    form.querySelectorAll("[data-tender]").forEach((field) => {
      field.value = field.name === all.dataset.fill ? all.dataset.value : "";
    });
  });

  // --- A form that leaves the page is sent once; the hidden key makes a second one harmless anyway.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
  });
  // Back in history shows the page as it was left: let it be sent again.
  window.addEventListener("pageshow", () =>
    document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent),
  );
})();
