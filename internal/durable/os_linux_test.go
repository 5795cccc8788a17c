package durable_test

import (
	"testing"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

func TestFullDiskIsFull(t *testing.T) {
	full, err := durable.OS.Open("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if _, err := full.WriteAt([]byte("x"), 0); !fault.Is(err, fault.Full) {
		t.Fatalf("write to a full disk: %v, kind %v", err, fault.KindOf(err))
	}
}
