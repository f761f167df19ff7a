// A client as the hosted service's users write it. Only the base URL, the key and the media addresses differ.
//
//   BASE_URL=http://localhost:8000 API_KEY=sk_… node client.mjs webhook|poll
//
// Prints the finished job as one JSON line.
import fetch from "node-fetch";
import express from "express";

const BASE_URL = process.env.BASE_URL || "http://localhost:8000";
const API_KEY = process.env.API_KEY;
const IMAGE_URL = process.env.IMAGE_URL || `${BASE_URL}/samples/portrait.png`;
const AUDIO_URL = process.env.AUDIO_URL || `${BASE_URL}/samples/speech.wav`;
const TIMEOUT_MS = 300_000;

async function submit(webhook) {
  const response = await fetch(`${BASE_URL}/api/v1/lipsync-image`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${API_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      webhook,
      formState: {
        image: IMAGE_URL,
        audio: AUDIO_URL,
        resolution: "480p",
        seed: -1,
      },
    }),
  });
  const data = await response.json();
  if (!response.ok) {
    throw new Error(`Submitting answered ${response.status}: ${JSON.stringify(data)}`);
  }
  return data.id || data.requestId;
}

async function poll(requestId) {
  const deadline = Date.now() + TIMEOUT_MS;
  while (Date.now() < deadline) {
    const response = await fetch(`${BASE_URL}/api/v1/jobs/${requestId}`, {
      headers: { Authorization: `Bearer ${API_KEY}` },
    });
    const job = await response.json();
    if (job.status === "completed" || job.status === "failed") return job;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error(`The job ${requestId} was not done in time`);
}

// A receiver that answers at once; `job` settles when a finished job was posted to it.
function receive() {
  let finished, gaveUp;
  const job = new Promise((resolve, reject) => {
    finished = resolve;
    gaveUp = setTimeout(() => reject(new Error("No webhook came")), TIMEOUT_MS);
  });
  const app = express();
  app.use(express.json());
  app.post("/webhook", (req, res) => {
    const { status } = req.body;
    res.sendStatus(200);
    if (status === "completed" || status === "failed") finished(req.body);
  });
  return new Promise((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => {
      const close = () => {
        clearTimeout(gaveUp);
        server.close();
        server.closeAllConnections();
      };
      resolve({ url: `http://127.0.0.1:${server.address().port}/webhook`, job, close });
    });
  });
}

async function main(how) {
  if (how === "poll") {
    return poll(await submit());
  }
  const receiver = await receive();
  try {
    const requestId = await submit(receiver.url);
    const job = await receiver.job;
    if (job.id !== requestId) throw new Error(`Posted ${job.id}, expected ${requestId}`);
    return job;
  } finally {
    receiver.close();
  }
}

const job = await main(process.argv[2] || "webhook");
console.log(JSON.stringify(job));
process.exitCode = job.status === "completed" ? 0 : 1;
