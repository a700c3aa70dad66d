package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// Ends with 0 when the ExApp answers its heartbeat.
func check() {
	dialer := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if os.Getenv("HP_SHARED_KEY") == "" {
			return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", os.Getenv("APP_PORT")))
		}
		return new(net.Dialer).DialContext(ctx, "unix", socketPath)
	}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: dialer}}
	answer, err := client.Get("http://exapp/heartbeat")
	if err != nil {
		log.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		log.Fatal(answer.Status)
	}
}
