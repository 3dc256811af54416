/* SPDX-License-Identifier: GPL-2.0-only */
/* Shows one step at a time. Without this script the page is one long page with the same content. */
(() => {
  "use strict";
  const steps = [...document.querySelectorAll(".step")];
  const links = [...document.querySelectorAll("nav ol a")];
  const previous = document.getElementById("prev");
  const next = document.getElementById("next");
  if (!steps.length) return;
  let at = 0;

  function show(number, focus) {
    at = Math.max(0, Math.min(steps.length - 1, number));
    steps.forEach((step, index) => step.classList.toggle("current", index === at));
    links.forEach((link, index) => {
      if (index === at) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
    previous.disabled = at === 0;
    next.disabled = at === steps.length - 1;
    if (focus) {
      history.replaceState(null, "", "#" + steps[at].id);
      steps[at].focus({ preventScroll: true });
    }
  }

  function named() {
    return steps.findIndex((step) => "#" + step.id === location.hash);
  }

  const keys = {
    ArrowRight: () => at + 1, j: () => at + 1, ArrowLeft: () => at - 1, k: () => at - 1,
    Home: () => 0, End: () => steps.length - 1,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest && event.target.closest("pre")) return;
    const where = keys[event.key];
    if (!where) return;
    event.preventDefault();
    show(where(), true);
  });
  links.forEach((link, index) => link.addEventListener("click", (event) => {
    event.preventDefault();
    show(index, true);
  }));
  previous.addEventListener("click", () => show(at - 1, true));
  next.addEventListener("click", () => show(at + 1, true));
  window.addEventListener("hashchange", () => { if (named() >= 0) show(named(), true); });

  document.documentElement.classList.add("stepping");
  for (const hidden of document.querySelectorAll("nav [hidden]")) hidden.hidden = false;
  const start = steps.findIndex((step) => "start" in step.dataset);
  show(named() >= 0 ? named() : Math.max(0, start), false);
})();
