// The page of the API: Swagger UI with the service's own document, dark where the reader's system is dark.

import { keyOfTab } from "./key.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

const problem = document.getElementById(location.hash.slice(1)); // which an answer's `type` names

dark.addEventListener("change", paint);
paint();
const viewer = SwaggerUIBundle({
  url: document.body.dataset.document,
  dom_id: "#viewer",
  deepLinking: !problem, // it takes every address for an operation's
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the document to another host
  onComplete: () => {
    const key = keyOfTab().Authorization?.replace("Bearer ", "");
    if (key) viewer.preauthorizeApiKey("bearer", key);
    problem?.scrollIntoView(); // the viewer has appeared above it
    document.body.dataset.ready = "";
  },
});
