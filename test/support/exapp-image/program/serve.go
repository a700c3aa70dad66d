package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const socketPath = "/tmp/exapp.sock"

// With a key the tunnel client is the only visitor, otherwise the data plane comes over TCP.
func listener() (net.Listener, error) {
	if os.Getenv("HP_SHARED_KEY") == "" {
		return net.Listen("tcp", net.JoinHostPort(os.Getenv("APP_HOST"), os.Getenv("APP_PORT")))
	}
	os.Remove(socketPath) // of an earlier start of the same container
	return net.Listen("unix", socketPath)
}

func serve() {
	endOnSignal()
	listening, err := listener()
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%s %s serves on %s", os.Getenv("APP_ID"), os.Getenv("APP_VERSION"), listening.Addr())
	routes := http.NewServeMux()
	routes.HandleFunc("/heartbeat", func(reply http.ResponseWriter, _ *http.Request) {
		sendJSON(reply, http.StatusOK, map[string]string{"status": "ok"})
	})
	routes.HandleFunc("/init", signed(initialise))
	routes.HandleFunc("/enabled", signed(enable))
	routes.HandleFunc("/public", func(reply http.ResponseWriter, request *http.Request) {
		sendJSON(reply, http.StatusOK, map[string]string{"version": os.Getenv("APP_VERSION"), "user": userOf(request)})
	})
	routes.HandleFunc("/note", signed(note))
	routes.HandleFunc("/trusts", signed(trusts))
	log.Fatal(http.Serve(listening, routes))
}

// AppAPI signs with the ExApp's secret; anybody else is no Nextcloud.
func signed(handle http.HandlerFunc) http.HandlerFunc {
	return func(reply http.ResponseWriter, request *http.Request) {
		if _, secret := signature(request); secret != os.Getenv("APP_SECRET") {
			sendJSON(reply, http.StatusUnauthorized, map[string]string{"error": "not signed"})
			return
		}
		handle(reply, request)
	}
}

func signature(request *http.Request) (user, secret string) {
	text, _ := base64.StdEncoding.DecodeString(request.Header.Get("AUTHORIZATION-APP-API"))
	user, secret, _ = strings.Cut(string(text), ":")
	return user, secret
}

func userOf(request *http.Request) string {
	user, _ := signature(request)
	return user
}

func initialise(reply http.ResponseWriter, _ *http.Request) {
	if os.Getenv("INIT_STEP") == "none" {
		http.Error(reply, "no init step", http.StatusNotImplemented)
		return
	}
	sendJSON(reply, http.StatusOK, map[string]string{})
	go reportProgress()
}

func enable(reply http.ResponseWriter, request *http.Request) {
	state := request.URL.Query().Get("enabled")
	log.Printf("enabled=%s", state)
	sendJSON(reply, http.StatusOK, map[string]string{"error": os.Getenv("REFUSES_TO_BE_ENABLED")})
}

// A file in the volume: what is written before an update is there after it.
func note(reply http.ResponseWriter, request *http.Request) {
	file := filepath.Join(os.Getenv("APP_PERSISTENT_STORAGE"), "note")
	if request.Method == http.MethodPut {
		text, _ := io.ReadAll(io.LimitReader(request.Body, 4096))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			http.Error(reply, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		http.Error(reply, err.Error(), http.StatusNotFound)
		return
	}
	reply.Write(text)
}

// Whether this container's certificate authorities vouch for a server.
func trusts(reply http.ResponseWriter, request *http.Request) {
	// A client of its own for each question: Go reads the system's authorities once per process otherwise.
	limited, cancel := context.WithTimeout(request.Context(), 5*time.Second)
	defer cancel()
	question, err := http.NewRequestWithContext(limited, http.MethodGet, request.URL.Query().Get("url"), nil)
	if err == nil {
		var answer *http.Response
		if answer, err = http.DefaultClient.Do(question); err == nil {
			answer.Body.Close()
			reply.Write([]byte("yes"))
			return
		}
	}
	reply.Write([]byte(err.Error()))
}

func sendJSON(reply http.ResponseWriter, status int, value any) {
	reply.Header().Set("Content-Type", "application/json")
	reply.WriteHeader(status)
	json.NewEncoder(reply).Encode(value)
}
