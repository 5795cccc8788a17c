// Package vaulttest is the contract that every vault.Vault keeps. Only tests
// import it.
package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

// Run runs the suite; each call of open returns a new, empty vault.
func Run(t *testing.T, open func(t *testing.T) vault.Vault) {
	for name, test := range map[string]func(*testing.T, vault.Vault){
		"AnObjectReadsBackAsWritten":     readsBack,
		"WritesComeInAnyOrder":           anyOrder,
		"AnEmptyObjectIsAnObject":        emptyObject,
		"AReferenceIsTakenOnce":          takenOnce,
		"AnUnfinishedObjectIsResumed":    resumed,
		"WhatIsNotThereIsNotFound":       notFound,
		"RemovingTwiceIsFine":            removeTwice,
		"EachVisitsEveryObjectOnce":      each,
		"HostileReferencesAreRefused":    hostile,
		"ManyObjectsAreWrittenAtOnce":    atOnce,
		"ThereIsRoom":                    room,
		"AnOpenObjectSurvivesItsRemoval": removedWhileOpen,
		"EachStopsWhenTheVisitorSaysSo":  eachStops,
		"EachStopsWhenTheContextIsOver":  eachCancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Put stores data as a new object and returns its reference.
func Put(t *testing.T, v vault.Vault, data []byte) string {
	t.Helper()
	ref := vault.NewRef()
	if err := put(v, ref, data); err != nil {
		t.Fatal(err)
	}
	return ref
}

func put(v vault.Vault, ref string, data []byte) error {
	ctx := context.Background()
	b, err := v.Create(ctx, ref)
	if err != nil {
		return err
	}
	if _, err := b.WriteAt(data, 0); err != nil {
		return err
	}
	return b.Commit(ctx)
}

// Get returns the content of an object.
func Get(v vault.Vault, ref string) ([]byte, error) {
	o, err := v.Open(context.Background(), ref)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
}

func want(t *testing.T, v vault.Vault, ref string, data []byte) {
	t.Helper()
	if got, err := Get(v, ref); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(data))
	}
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v, want a fault of kind %v", what, err, kind)
	}
}

func payload(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	return data
}

func readsBack(t *testing.T, v vault.Vault) {
	data := payload(300_001)
	ref := Put(t, v, data)
	want(t, v, ref, data)
	o, err := v.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if o.Size() != int64(len(data)) {
		t.Errorf("size %d, want %d", o.Size(), len(data))
	}
	p := make([]byte, 100)
	if n, err := o.ReadAt(p, 300_000); n != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("read over the end: %d, %v", n, err)
	}
}

func anyOrder(t *testing.T, v vault.Vault) {
	data, ref := payload(40_000), vault.NewRef()
	b, err := v.Create(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{30_000, 0, 20_000, 10_000, 0} {
		if _, err := b.WriteAt(data[at:at+10_000], int64(at)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 10_000)
		if _, err := b.ReadAt(got, int64(at)); err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(got, data[at:at+10_000]) {
			t.Fatalf("reading back while writing: %v", err)
		}
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, v, ref, data)
}

func emptyObject(t *testing.T, v vault.Vault) {
	want(t, v, Put(t, v, nil), nil)
}

func takenOnce(t *testing.T, v vault.Vault) {
	ref := Put(t, v, []byte("first"))
	_, err := v.Create(t.Context(), ref)
	wantKind(t, "create again", err, fault.Exists)
	want(t, v, ref, []byte("first"))
}

func resumed(t *testing.T, v vault.Vault) {
	ref := vault.NewRef()
	b, err := v.Create(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.WriteAt([]byte("one,two"), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, err = v.Resume(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := b.Size(); err != nil || size != 7 {
		t.Fatalf("resumed at %d, %v; want 7", size, err)
	}
	if err := b.Truncate(4); err != nil {
		t.Fatal(err)
	}
	if _, err := b.WriteAt([]byte("three"), 4); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, v, ref, []byte("one,three"))
}

func notFound(t *testing.T, v vault.Vault) {
	_, err := v.Open(t.Context(), vault.NewRef())
	wantKind(t, "open", err, fault.NotFound)
	_, err = v.Resume(t.Context(), vault.NewRef())
	wantKind(t, "resume", err, fault.NotFound)
}

func removeTwice(t *testing.T, v vault.Vault) {
	ref := Put(t, v, []byte("x"))
	for range 2 {
		if err := v.Remove(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	_, err := v.Open(t.Context(), ref)
	wantKind(t, "open a removed object", err, fault.NotFound)
}

func removedWhileOpen(t *testing.T, v vault.Vault) {
	data := payload(1000)
	ref := Put(t, v, data)
	o, err := v.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := v.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	// It may be gone or still there, but never other bytes.
	got := make([]byte, 1000)
	if n, err := o.ReadAt(got, 0); !bytes.Equal(got[:n], data[:n]) {
		t.Errorf("other bytes after removal: %v", err)
	}
}

func all(t *testing.T, v vault.Vault) map[string]int {
	t.Helper()
	seen := map[string]int{}
	if err := v.Each(t.Context(), func(ref string) error { seen[ref]++; return nil }); err != nil {
		t.Fatal(err)
	}
	return seen
}

func each(t *testing.T, v vault.Vault) {
	stored := map[string]int{}
	for i := range 50 {
		stored[Put(t, v, payload(i))] = 1
	}
	gone := slices.Sorted(maps.Keys(stored))[7]
	if err := v.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	delete(stored, gone)
	if got := all(t, v); !maps.Equal(got, stored) {
		t.Errorf("visited %d objects, want %d, each once", len(got), len(stored))
	}
}

func eachStops(t *testing.T, v vault.Vault) {
	for range 5 {
		Put(t, v, nil)
	}
	visits, enough := 0, errors.New("enough")
	err := v.Each(t.Context(), func(string) error { visits++; return enough })
	if !errors.Is(err, enough) || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
}

func eachCancelled(t *testing.T, v vault.Vault) {
	Put(t, v, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Each(ctx, func(string) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("each under an ended context: %v", err)
	}
}

func hostile(t *testing.T, v vault.Vault) {
	good := vault.NewRef()
	for _, ref := range []string{
		"", ".", "..", "/etc/passwd", "../../../../etc/passwd", strings.ToUpper(vault.NewRef()[:60]) + "ABCD",
		good[:63], good + "0", good[:63] + "/", "../" + good[:61], good[:62] + "\x00a", good[:60] + "\\..\\",
		good[:63] + "g", "ａ" + good[:61],
	} {
		_, err := v.Create(t.Context(), ref)
		wantKind(t, fmt.Sprintf("create %q", ref), err, fault.Invalid)
		_, err = v.Open(t.Context(), ref)
		wantKind(t, fmt.Sprintf("open %q", ref), err, fault.Invalid)
		_, err = v.Resume(t.Context(), ref)
		wantKind(t, fmt.Sprintf("resume %q", ref), err, fault.Invalid)
		wantKind(t, fmt.Sprintf("remove %q", ref), v.Remove(t.Context(), ref), fault.Invalid)
	}
	if n := len(all(t, v)); n != 0 {
		t.Errorf("%d objects appeared", n)
	}
}

func atOnce(t *testing.T, v vault.Vault) {
	const writers = 16
	refs := make([]string, writers)
	var wg sync.WaitGroup
	for i := range writers {
		// All in one directory: that is where they meet.
		refs[i] = "abcd" + vault.NewRef()[4:]
		wg.Go(func() {
			if err := put(v, refs[i], payload(i*1000)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, ref := range refs {
		want(t, v, ref, payload(i*1000))
	}
}

func room(t *testing.T, v vault.Vault) {
	if n, err := v.Free(t.Context()); err != nil || n <= 0 {
		t.Errorf("free %d, %v", n, err)
	}
}
