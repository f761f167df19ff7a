const base = "http://localhost:8000/api/v1";
const headers = {
  Authorization: `Bearer ${process.env.KEY}`,
  "Content-Type": "application/json",
};

const answer = await fetch(`${base}/lipsync-image`, {
  method: "POST",
  headers,
  body: JSON.stringify({
    formState: {
      image: "http://localhost:8000/samples/portrait.png",
      audio: "http://localhost:8000/samples/speech.wav",
    },
  }),
});
let job = await answer.json();
if (!answer.ok) throw new Error(job.error);

while (job.status === "processing") {
  await new Promise((done) => setTimeout(done, 2000));
  job = await (await fetch(`${base}/jobs/${job.id}`, { headers })).json();
}
console.log(job.output || job.error);
