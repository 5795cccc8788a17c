package paper

import (
	"crypto/hpke"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// The vectors of BIP-39 for 256 bits.
var vectors = map[string]string{
	"0000000000000000000000000000000000000000000000000000000000000000": strings.Repeat("abandon ", 23) + "art",
	"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f": strings.Repeat("legal winner thank year wave sausage worth useful ", 2) + "legal winner thank year wave sausage worth title",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": strings.Repeat("zoo ", 23) + "vote",
	"f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f": "void come effort suffer camp survey warrior heavy shoot primary clutch crush " +
		"open amazing screen patrol group space point ten exist slush involve unfold",
}

func TestWordsAreTheKey(t *testing.T) {
	for seed, text := range vectors {
		k := must(hpke.MLKEM768X25519().NewPrivateKey(must(hex.DecodeString(seed))(t)))(t)
		if got := strings.Join(must(Words(k))(t), " "); got != text {
			t.Errorf("%s: %s", seed, got)
		}
		sameKey(t, must(FromWords(text))(t), k)
	}
}

func TestWordsMayBeTypedAsTheyArePrinted(t *testing.T) {
	k := keyOf(t, 7)
	words := must(Words(k))(t)
	var inColumns, glued, shouted strings.Builder
	inColumns.WriteString("SEALGATE ACCESS KEY\nfingerprint 3c223b33 printed 2026-11-22\n")
	for i := range words {
		n := i%4*6 + i/4 // down four columns, read row by row
		fmt.Fprintf(&inColumns, " %2d  %-10s", n+1, words[n])
		if i%4 == 3 {
			inColumns.WriteByte('\n')
		}
		fmt.Fprintf(&glued, "%d.%s,", i+1, words[i])
		glued.WriteByte(' ')
		shouted.WriteString(strings.ToUpper(words[i]) + ",\r\n\t")
	}
	inColumns.WriteString("Whoever has these words has the key.\n")
	for _, text := range []string{inColumns.String(), glued.String(), shouted.String(), "\n" + strings.Join(words, "\n") + "\n"} {
		sameKey(t, must(FromWords(text))(t), k)
	}
}

func TestAWrongWordIsNamed(t *testing.T) {
	good := must(Words(keyOf(t, 7)))(t)
	change := func(i int, w string) string {
		words := append([]string(nil), good...)
		words[i] = w
		return strings.Join(words, " ")
	}
	_, err := FromWords(change(6, "xylograph"))
	wantSentence(t, err, fault.Invalid, "word 7 is not")
	_, err = FromWords(change(23, "abandun"))
	wantSentence(t, err, fault.Invalid, `word 24 is not one of the list of words (is "abandon" meant?)`)
	_, err = FromWords(strings.Join(good[:23], " "))
	wantSentence(t, err, fault.Invalid, "24 words; these are 23")
	_, err = FromWords(strings.Join(good, " ") + " zoo")
	wantSentence(t, err, fault.Invalid, "these are 25")
	_, err = FromWords("")
	wantSentence(t, err, fault.Invalid, "these are 0")
	_, err = FromWords("Fuß")
	wantSentence(t, err, fault.Invalid, "word 1 ")

	_, err = FromWords("1. abandon 3. able")
	wantSentence(t, err, fault.Invalid, "word 2 is missing")
	_, err = FromWords("1. abandon 2) ability 1: able")
	wantSentence(t, err, fault.Invalid, "word 1 is there twice")
	for _, n := range []string{"0", "25", "99"} {
		_, err = FromWords(n + " abandon")
		wantSentence(t, err, fault.Invalid, "with the number "+n)
	}

	// Another word of the list is noticed, 255 times of 256.
	missed := 0
	for _, w := range strings.Fields(vectors["f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f"]) {
		k, err := FromWords(change(0, w))
		switch {
		case err == nil && w != good[0]:
			missed++
		case err == nil:
			sameKey(t, k, keyOf(t, 7))
		default:
			wantSentence(t, err, fault.Invalid, "do not fit together")
		}
	}
	if missed > 2 {
		t.Errorf("%d of 24 wrong words went unnoticed", missed)
	}
}

// It takes what a stranger typed: it answers or refuses.
func FuzzWords(f *testing.F) {
	for _, text := range vectors {
		f.Add(text)
	}
	f.Add("1. abandon 2. ability")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := FromWords(text)
		if err != nil {
			return
		}
		words, err := Words(k)
		if err != nil || len(words) != WordCount {
			t.Fatalf("%d words, %v", len(words), err)
		}
	})
}
