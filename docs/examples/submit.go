package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

const base = "http://localhost:8000/api/v1"

type job struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Output string `json:"output"`
	Error  string `json:"error"`
}

func call(method, path string, body any) job {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			log.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, base+path, sent)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("KEY"))
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var found job
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
		log.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		log.Fatal(found.Error)
	}
	return found
}

func main() {
	video := call("POST", "/lipsync-image", map[string]any{
		"formState": map[string]any{
			"image": "http://localhost:8000/samples/portrait.png",
			"audio": "http://localhost:8000/samples/speech.wav",
		},
	})
	for video.Status == "processing" {
		time.Sleep(2 * time.Second)
		video = call("GET", "/jobs/"+video.ID, nil)
	}
	fmt.Println(video.Output + video.Error)
}
