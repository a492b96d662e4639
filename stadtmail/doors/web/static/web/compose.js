// Writing a message, made easier: drafts are saved by themselves, files are dropped and show how far they are, suggestions go on
// after a comma, and the page after "send" looks once more. Without this file everything works by its buttons. Nothing is stored here.
"use strict";
const form = document.querySelector("form[data-compose]");
if (form) {
  const said = form.querySelector("[data-saved]");
  const files = form.elements.file;
  let isChanged = false;
  let saving = null;
  let isLeaving = false;

  const save = async () => {
    if (!isChanged || saving || isLeaving) return;
    isChanged = false;
    const body = new FormData(form);
    body.delete("file");
    body.set("step", "auto");
    const keepalive = document.hidden && form.elements.text.value.length + form.elements.html.value.length < 30_000;
    saving = fetch(form.action, { method: "POST", body, credentials: "same-origin", keepalive });
    try {
      const response = await saving;
      const answer = await response.json();
      if (answer.draft) {
        form.elements.draft.value = answer.draft;
        form.elements.ident.value = answer.ident;
      } else isChanged = true;
      if (said.textContent !== answer.said) said.textContent = answer.said;
    } catch {
      isChanged = true;
      said.textContent = form.dataset.failed;
    } finally {
      saving = null;
    }
  };

  form.addEventListener("input", (event) => { if (event.target !== files) isChanged = true; });
  setInterval(save, Number(form.dataset.every) * 1000);
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(); });
  window.addEventListener("pageshow", () => { isLeaving = false; });

  const progress = form.querySelector("[data-progress]");
  const upload = () => {
    const body = new FormData(form);
    body.set("step", "attach");
    const request = new XMLHttpRequest();
    const [bar, text] = [progress.querySelector("progress"), progress.querySelector("span")];
    progress.hidden = false;
    text.textContent = form.dataset.uploading;
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total; });
    request.addEventListener("load", () => {
      if (request.status === 200) {
        location.assign(request.responseURL);
        return;
      }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const theirs = page.querySelector("form[data-compose]");
      if (theirs) {
        for (const name of ["draft", "ident"]) form.elements[name].value = theirs.elements[name].value;
        form.action = theirs.getAttribute("action");
      }
      fail(page.querySelector("#file-error") || page.querySelector("main h1"));
    });
    request.addEventListener("error", () => fail());
    const fail = (why) => {
      progress.hidden = true;
      isLeaving = false;
      files.value = "";
      said.textContent = why ? why.textContent : form.dataset.failed;
    };
    isLeaving = true;
    request.open("POST", form.action);
    request.send(body);
  };
  const attach = async () => {
    const size = [...files.files].reduce((sum, file) => sum + file.size, 0);
    if (!size) return;
    if (size > Number(form.dataset.most)) {
      files.value = "";
      said.textContent = form.dataset.large;
      return;
    }
    if (saving) await saving.catch(() => null);
    setTimeout(upload);
  };
  files.addEventListener("change", attach);

  const place = form.querySelector("[data-drop]");
  place.querySelector("[data-dropped]").hidden = false;
  place.querySelector("[data-attach]").hidden = true;
  for (const name of ["dragover", "dragenter"]) form.addEventListener(name, (event) => {
    if ([...event.dataTransfer.types].includes("Files")) {
      event.preventDefault();
      place.classList.add("attach--over");
    }
  });
  form.addEventListener("dragleave", () => place.classList.remove("attach--over"));
  form.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    place.classList.remove("attach--over");
    files.files = event.dataTransfer.files;
    attach();
  });

  form.addEventListener("submit", (event) => {
    if (isLeaving) {
      event.preventDefault();
      return;
    }
    if (saving) {
      const { submitter } = event;
      event.preventDefault();
      saving.catch(() => null).then(() => setTimeout(() => form.requestSubmit(submitter)));
      return;
    }
    isLeaving = true;
  });

  // bold, lists and links: the server cleans what comes and makes the text beside it
  const box = form.querySelector("[data-write]");
  const [area, html] = [form.elements.text, form.elements.html];
  const [toggle, bar] = [box.querySelector("[data-rich]"), box.querySelector("[role=toolbar]")];
  const page = document.createElement("div");
  page.className = "written";
  page.contentEditable = "true";
  for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-labelledby": "text-label" })) page.setAttribute(name, value);
  page.hidden = true;
  area.after(page);
  const fill = (source) => {
    const clean = new DOMParser().parseFromString(source, "text/html"); // cleaned by the server; nothing in it runs
    page.replaceChildren(...clean.body.childNodes);
  };
  const show = (isRich) => {
    page.hidden = bar.hidden = !isRich;
    area.hidden = isRich;
    toggle.setAttribute("aria-pressed", String(isRich));
    html.value = isRich ? page.innerHTML : "";
  };
  toggle.parentElement.hidden = false;
  toggle.addEventListener("click", () => {
    if (page.hidden) page.innerText = area.value;
    else area.value = page.innerText;
    isChanged = true;
    show(page.hidden);
  });
  page.addEventListener("input", () => {
    html.value = page.innerHTML;
    isChanged = true;
  });
  page.addEventListener("paste", (event) => {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  for (const button of bar.querySelectorAll("[data-do]")) {
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      const value = button.dataset.ask ? prompt(button.dataset.ask, "https://") : null;
      if (button.dataset.ask && !/^(https?:|mailto:)./i.test(value || "")) return;
      page.focus();
      document.execCommand(button.dataset.do, false, value);
      html.value = page.innerHTML;
      isChanged = true;
    });
  }
  if (html.dataset.html) {
    fill(html.dataset.html);
    show(true);
  }

  const known = [...document.querySelectorAll("#leute option")].map((option) => option.value);
  for (const name of ["to", "cc", "bcc"]) form.elements[name].addEventListener("input", (event) => {
    const typed = event.target.value;
    const lead = typed.slice(0, Math.max(typed.lastIndexOf(","), typed.lastIndexOf(";")) + 1);
    const before = lead ? `${lead.trimEnd()} ` : "";
    document.querySelectorAll("#leute option").forEach((option, at) => { option.value = before + known[at]; });
  });
}

const stand = document.querySelector("#stand[data-look]");
if (stand) {
  const MOST_LOOKS = 30; // then whoever wants to know looks: the session may end by its idle limit
  const look = async (seconds, looks) => {
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const response = await fetch(location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = page.querySelector("#stand");
    if (!now) return;
    if (now.dataset.look && looks < MOST_LOOKS) return look(2, looks + 1);
    if (now.dataset.look) return;
    stand.replaceChildren(...now.childNodes);
  };
  look(Number(stand.dataset.look) + 2, 1).catch(() => null);
}
