// Of a reward's form, only the fields that its kind reads are shown. Without script all of them are.
"use strict";
(() => {
  const kind = document.querySelector("[name=kind]");
  if (!kind) return;
  const show = () => {
    for (const field of document.querySelectorAll("[data-kinds]")) {
      const holder = field.closest("[data-field]");
      if (holder) holder.hidden = !field.dataset.kinds.split(" ").includes(kind.value);
    }
    for (const part of document.querySelectorAll("[data-part]")) {
      part.hidden = !part.querySelector("[data-field]:not([hidden])");
    }
  };
  kind.addEventListener("change", show);
  show();
})();
