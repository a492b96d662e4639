// The mailbox with JavaScript: "all" ticks at once, new mail appears by itself, messages can be dragged onto folders, and keys work where
// their owner has switched them on. Everything here is a convenience: the page does the same without it.
(() => {
  "use strict";
  const LOOK = 20_000; // milliseconds between two looks for new mail
  const PATIENCE = 600_000; // nobody was there for so long: no more looking, so that the session ends in its time
  const main = document.querySelector(".mail");
  if (!main) return;
  let active = Date.now();
  for (const what of ["pointerdown", "keydown", "scroll"]) addEventListener(what, () => { active = Date.now(); }, { passive: true });

  const list = () => main.querySelector("form[data-list]");
  const boxes = () => [...main.querySelectorAll('form[data-list] input[name="uid"]')];
  const button = (value) => main.querySelector(`.handle button[name="tun"][value="${value}"]`);

  main.addEventListener("change", (event) => {
    const all = main.querySelector('input[name="alle"]');
    if (event.target === all) for (const box of boxes()) box.checked = all.checked;
    else if (event.target.name === "uid" && all) all.checked = boxes().every((box) => box.checked);
  });
  addEventListener("pageshow", () => { if (!boxes().some((box) => box.checked)) { const all = main.querySelector('input[name="alle"]'); if (all) all.checked = false; } });
  addEventListener("click", (event) => {
    for (const open of main.querySelectorAll(".pop[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // new mail
  const look = async () => {
    const form = list() || main.querySelector("[data-news]");
    const { news, mark } = form ? form.dataset : {};
    if (!news || document.hidden || Date.now() - active > PATIENCE) return;
    try {
      const answer = await fetch(news, { headers: { Accept: "application/json" }, redirect: "error" });
      if (!answer.ok || (await answer.json()).mark === mark) return;
      if (boxes().some((box) => box.checked) || main.querySelector(".pop[open], .thread[open]")) return;
      const page = await fetch(location.pathname + location.search.replace(/[?&]getan=[^&]*/, ""), { redirect: "error" });
      if (page.ok) show(new DOMParser().parseFromString(await page.text(), "text/html"));
    } catch { /* the next look tries again */ }
  };
  const show = (fresh) => {
    const focused = document.activeElement && document.activeElement.id;
    for (const what of [".mail__side .folders", ".bar", ".views", "[data-news]"]) {
      const [old, young] = [main.querySelector(what), fresh.querySelector(what)];
      if (old && young) old.replaceWith(document.importNode(young, true));
    }
    if (focused) document.getElementById(focused)?.focus();
    const said = main.querySelector("[data-said]");
    if (said) said.textContent = said.dataset.said;
  };
  if (main.querySelector("[data-news]")) setInterval(look, LOOK);

  // dragging onto a folder: each row can be taken as soon as a pointer is over it
  main.addEventListener("pointerover", (event) => { const row = event.target.closest && event.target.closest(".row"); if (row) row.draggable = true; });
  main.addEventListener("dragstart", (event) => {
    const row = event.target.closest && event.target.closest(".row");
    if (!row) return;
    const box = row.querySelector('input[name="uid"]');
    if (!box.checked) for (const one of boxes()) one.checked = one === box;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    main.classList.add("mail--dragging");
  });
  main.addEventListener("dragend", () => main.classList.remove("mail--dragging"));
  const folder = (event) => main.classList.contains("mail--dragging") && event.target.closest && event.target.closest("a[data-folder]");
  main.addEventListener("dragover", (event) => { if (folder(event)) event.preventDefault(); });
  main.addEventListener("drop", (event) => {
    const target = folder(event);
    const choice = main.querySelector('select[name="ziel"]');
    if (!target || !choice || ![...choice.options].some((one) => one.value === target.dataset.folder)) return;
    event.preventDefault();
    choice.value = target.dataset.folder;
    list().requestSubmit(button("verschieben"));
  });

  // keys, only where they were switched on (WCAG 2.1.4)
  if (!main.hasAttribute("data-keys")) return;
  const step = (by) => {
    const links = [...main.querySelectorAll(".letters a.letter")];
    const at = links.indexOf(document.activeElement);
    (links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))] || document.body).focus();
  };
  const open = (selector) => { const link = main.querySelector(selector); if (link) link.click(); };
  const ticked = () => {
    const row = document.activeElement.closest(".row");
    if (row && !boxes().some((box) => box.checked)) row.querySelector('input[name="uid"]').checked = true;
  };
  const act = (value) => () => { ticked(); button(value)?.click(); };
  const keys = {
    j: () => (list() ? step(1) : open('a[rel="next"]')),
    k: () => (list() ? step(-1) : open('a[rel="prev"]')),
    x: () => { const box = document.activeElement.closest(".row")?.querySelector('input[name="uid"]'); if (box) box.click(); },
    e: act("archiv"), "#": act("loeschen"), "!": act("spam"), i: act("ungelesen"),
    s: () => { (document.activeElement.closest(".row")?.querySelector(".star") || main.querySelector('.handle--message button[value$="markieren"]'))?.click(); },
    u: () => open(".tools--top a"),
    "/": () => document.getElementById("suchfeld")?.focus(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    const work = keys[event.key];
    if (work) { event.preventDefault(); work(); }
  });
})();
