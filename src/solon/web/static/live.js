// Progressive comfort only: every page works without it.
"use strict";
(() => {
  const region = document.querySelector("[data-live]");
  const toggle = document.querySelector("[data-live-switch]");
  const every = 5000;

  async function refresh() {
    if (document.hidden || !toggle.checked) return;
    if (region.querySelector("details[open]") || region.contains(document.activeElement)) return;
    const reply = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    if (!reply.ok) return;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (fresh) region.replaceChildren(...fresh.childNodes);
  }

  if (region && toggle) {
    toggle.checked = true;
    setInterval(() => refresh().catch(() => { toggle.checked = false; }), every);
  }

  const keyed = document.querySelector("form[data-keys]");
  if (keyed) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.target.closest("input, textarea, select")) return;
      const button = keyed.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (button) { event.preventDefault(); button.click(); }
    });
  }
})();
