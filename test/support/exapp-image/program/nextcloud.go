package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"
)

// Tells Nextcloud how far the init step is; at 100 Nextcloud enables the ExApp before it answers.
func reportProgress() {
	for _, progress := range []int{1, 50, 100} {
		if err := report(progress); err != nil {
			log.Printf("cannot report progress %d: %v", progress, err)
			return
		}
	}
}

func report(progress int) error {
	body, err := json.Marshal(map[string]any{"progress": progress, "error": os.Getenv("INIT_ERROR")})
	if err != nil {
		return err
	}
	url := os.Getenv("NEXTCLOUD_URL") + "/ocs/v1.php/apps/app_api/ex-app/status"
	request, err := http.NewRequest(http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("OCS-APIRequest", "true")
	request.Header.Set("EX-APP-ID", os.Getenv("APP_ID"))
	request.Header.Set("EX-APP-VERSION", os.Getenv("APP_VERSION"))
	request.Header.Set("AA-VERSION", os.Getenv("AA_VERSION"))
	request.Header.Set("AUTHORIZATION-APP-API", base64.StdEncoding.EncodeToString([]byte(":"+os.Getenv("APP_SECRET"))))
	client := http.Client{Timeout: 2 * time.Minute}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	log.Printf("progress %d: Nextcloud says %s", progress, answer.Status)
	return nil
}
