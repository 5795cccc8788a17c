// Command provider is an OpenID Connect provider for tests: the example of
// github.com/zitadel/oidc with its own sign-in form, by HTTPS.
//
//	provider CERT KEY USERS REDIRECT...
//
// It listens on a free port of 127.0.0.1, prints its issuer, and knows the client
// "web" with the secret "secret".
package main

import (
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	if len(os.Args) < 5 {
		log.Fatal("usage: provider CERT KEY USERS REDIRECT...")
	}
	users, err := storage.StoreFromFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	storage.RegisterClients(storage.WebClient("web", "secret", os.Args[4:]...))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "https://" + l.Addr().String()
	server := &http.Server{
		Handler:           exampleop.SetupServer(issuer, storage.NewStorage(users), slog.New(slog.DiscardHandler), false),
		ReadHeaderTimeout: 10 * time.Second,
	}
	fmt.Println(issuer)
	log.Fatal(server.ServeTLS(l, os.Args[1], os.Args[2]))
}
