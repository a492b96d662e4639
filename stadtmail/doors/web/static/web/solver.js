// Solves the form's proof of work in a worker of its own, while the reader checks the page. Without this file the form waits
// twenty seconds instead. Nothing is stored and nobody else is asked. A form goes off once, also when it is clicked twice.
"use strict";
const field = document.querySelector("input[data-challenge]");
if (field && window.Worker) {
  const form = field.form;
  const worker = new Worker(document.currentScript.dataset.worker);
  let waiting = null;
  let sent = false;
  const done = (solution) => {
    field.value = solution;
    worker.terminate();
    if (waiting) form.requestSubmit(waiting);
  };
  worker.onmessage = (event) => done(JSON.stringify(event.data));
  worker.onerror = () => done(" "); // the waiting step of the form takes its place
  form.addEventListener("submit", (event) => {
    if (sent || !field.value) event.preventDefault();
    if (field.value) sent = true;
    else {
      waiting = event.submitter;
      waiting.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => { sent = false; });
  worker.postMessage(JSON.parse(field.dataset.challenge));
}
