package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// call TOKEN METHOD PATH STATUS [FILE] sends a request below /api/v1 to the HTTPS
// door of the running gateway, with a file as its body, and wants this status. The
// answer is in the file "answer".
func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: call TOKEN METHOD PATH STATUS [FILE]")
	}
	var body io.Reader
	if len(args) == 5 {
		body = strings.NewReader(ts.ReadFile(args[4]))
	}
	req, err := http.NewRequest(args[1], "https://"+ts.Getenv("HTTPS")+"/api/v1"+args[2], body)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[0])
	if body != nil && req.Method != http.MethodPut {
		req.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // it is made by the gateway itself
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), text, 0o600))
	if strconv.Itoa(resp.StatusCode) != args[3] {
		ts.Fatalf("%s %s: %d, want %s: %s", args[1], args[2], resp.StatusCode, args[3], text)
	}
}
