// Sends one file to the site. `form` is the page's form with its addresses and its words.
export function sendFile(form, file, kind, onProgress) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("for_team", form.elements.for_team.value);
  body.append("kind", kind);
  body.append("file", file, file.name);
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", onProgress);
    request.addEventListener("load", () => {
      if (request.status === 201 && request.response) resolve(request.response);
      else reject(new Error(request.response?.error ?? form.dataset.sayLost));
    });
    request.addEventListener("error", () => reject(new Error(form.dataset.sayLost)));
    request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
  });
  request.open("POST", form.dataset.upload);
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.responseType = "json";
  request.send(body);
  return { answer, abort: () => request.abort() };
}
