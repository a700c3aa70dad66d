// A small ExApp for container images, one static program: what it does is what AppAPI and HaRP's images agree on.
//
//	exapp          serves; the start script of the image has started frpc
//	exapp dial     starts frpc first, for images without a shell, then serves
//	exapp check    asks a serving ExApp of the same container whether it lives: a HEALTHCHECK
//	exapp die      tells why it cannot go on, indiscreetly, and ends
package main

import (
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0)
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "check":
		check()
	case "die":
		die()
	case "dial":
		dial()
		serve()
	default:
		serve()
	}
}

func die() {
	log.Printf("connecting with key %s and secret %s", os.Getenv("HP_SHARED_KEY"), os.Getenv("APP_SECRET"))
	log.Print("the model file is missing")
	os.Exit(3)
}

// Process 1 of a container ignores what it does not handle.
func endOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		os.Exit(0)
	}()
}
