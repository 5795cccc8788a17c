package client

import "testing"

func TestOnlyAGatewayOfOursIsSpokenTo(t *testing.T) {
	for _, c := range []struct {
		peer, self, owner int
		want              bool
	}{
		{1000, 1000, 1000, true},
		{0, 1000, 1000, true},
		{1001, 1000, 1000, false},
		{1001, 1000, 1001, false}, // somebody else's directory: his program may read what we say
		{997, 0, 997, true},       // root looks after the gateway's user
		{1001, 0, 997, false},
		{1001, 0, -1, false},
	} {
		if got := trusted(c.peer, c.self, c.owner); got != c.want {
			t.Errorf("a program of %d, asked by %d about a directory of %d: %v", c.peer, c.self, c.owner, got)
		}
	}
	if ownerOf(t.TempDir()) < 0 || ownerOf("/nowhere/at/all") != -1 {
		t.Error("owners of directories are not told")
	}
}
