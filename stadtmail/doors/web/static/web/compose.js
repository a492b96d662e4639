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
    saving = fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    try {
      const response = await saving;
      const answer = await response.json();
      if (answer.draft) {
        form.elements.draft.value = answer.draft;
        form.elements.ident.value = answer.ident;
      } else isChanged = true;
      said.textContent = answer.said;
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
      if (theirs) for (const name of ["draft", "ident"]) form.elements[name].value = theirs.elements[name].value;
      fail(page.querySelector("#file-error"));
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
  const look = async (seconds) => {
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const response = await fetch(location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = page.querySelector("#stand");
    if (!now) return;
    if (now.dataset.look) return look(2);
    stand.replaceChildren(...now.childNodes);
  };
  look(Number(stand.dataset.look) + 2).catch(() => null);
}
