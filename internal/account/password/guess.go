package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// How soon a guesser comes to a password is estimated as zxcvbn does (Wheeler, USENIX
// Security 2016): the password is cut into the pieces that cost a guesser least -
// words by their rank in lists of leaked passwords, words and names, with capitals,
// digits for letters or backwards; runs of keys; sequences; dates; repetitions - and
// what is left over costs ten guesses a character. All costs are powers of ten.
const (
	enough = 8 // 10^8 guesses: out of reach online, a day of a cracker's work offline

	longestWord = 24
	perRune     = 1 // of what no list knows
	another     = 4 // what a guesser tries with n pieces before he goes on to n+1
)

//go:embed words.gz
var wordsGz []byte

// ranks are the places of words in their lists, read when the first password is judged.
var ranks = sync.OnceValue(func() map[string]int {
	r, err := gzip.NewReader(bytes.NewReader(wordsGz))
	var text bytes.Buffer
	if err == nil {
		_, err = text.ReadFrom(r)
	}
	if err != nil {
		panic(err) // cannot happen: the file is part of the program
	}
	all := make(map[string]int, 100_000)
	for list := range strings.SplitSeq(text.String(), "\n\n") {
		rank := 0
		for word := range strings.Lines(list) {
			rank++
			word = strings.TrimSpace(word)
			if had, ok := all[word]; !ok || rank < had {
				all[word] = rank
			}
		}
	}
	for i, word := range slices.Concat(commonWords, tradeWords) {
		word = strings.ToLower(word)
		if had, ok := all[word]; !ok || i+1 < had {
			all[word] = i + 1
		}
	}
	return all
})

// piece is a part of a password that a guesser has a short way to.
type piece struct {
	from, to int
	cost     float64
}

// cost estimates the guesses that a password takes who knows these names.
func cost(password string, names []string) float64 {
	known := map[string]bool{}
	for _, n := range names {
		known[strings.ToLower(n)] = true
	}
	rank := func(word string) int {
		if known[word] {
			return 1
		}
		return ranks()[word]
	}
	return cheapest([]rune(password), rank, true)
}

func cheapest(text []rune, rank func(string) int, repeats bool) float64 {
	pieces := words(text, rank)
	pieces = append(pieces, runs(text)...)
	pieces = append(pieces, sequences(text)...)
	pieces = append(pieces, dates(text)...)
	if repeats {
		pieces = append(pieces, repetitions(text, rank)...)
	}
	return cover(len(text), pieces)
}

// cover finds the cheapest way to cover a text of n runes by pieces, and by guessing
// what lies between them.
func cover(n int, pieces []piece) float64 {
	ends := make([][]piece, n+1)
	for _, p := range pieces {
		ends[p.to] = append(ends[p.to], p)
	}
	// best[i][l]: the first i runes in l pieces, the last of them guessed or known.
	type best struct{ known, guessed float64 }
	table := make([][]best, n+1)
	for i := range table {
		table[i] = make([]best, n+1)
		for l := range table[i] {
			table[i][l] = best{math.Inf(1), math.Inf(1)}
		}
	}
	table[0][0].known = 0
	for i := 1; i <= n; i++ {
		for l := 1; l <= i; l++ {
			b := &table[i][l]
			for _, p := range ends[i] {
				before := table[p.from][l-1]
				b.known = min(b.known, min(before.known, before.guessed)+p.cost)
			}
			for from := range i {
				b.guessed = min(b.guessed, table[from][l-1].known+float64(i-from)*perRune)
			}
		}
	}
	least := math.Inf(1)
	orders := 0.0 // log of l!: the guesser does not know the order of the pieces
	for l := 1; l <= n; l++ {
		orders += math.Log10(float64(l))
		b := min(table[n][l].known, table[n][l].guessed)
		least = min(least, sum(orders+b, float64(another*(l-1))))
	}
	return least
}

// sum adds two numbers of which the logarithms are given.
func sum(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log10(1+math.Pow(10, b-a))
}

// words finds what stands in a list, as it is, with digits for letters, or backwards.
func words(text []rune, rank func(string) int) (found []piece) {
	lower := []rune(strings.ToLower(string(text)))
	if len(lower) != len(text) { // a letter whose small form has another length
		lower = text
	}
	for i := range lower {
		for j := i + 3; j <= min(len(lower), i+longestWord); j++ {
			word := lower[i:j]
			least := math.Inf(1)
			try := func(w []rune, extra float64) {
				if r := rank(string(w)); r > 0 {
					least = min(least, math.Log10(float64(r))+extra)
				}
			}
			try(word, 0)
			try([]rune(letters(string(word))), math.Log10(4))
			back := slices.Clone(word)
			slices.Reverse(back)
			try(back, math.Log10(2))
			if !math.IsInf(least, 1) {
				found = append(found, piece{i, j, least + capitals(text[i:j])})
			}
		}
	}
	return found
}

// capitals is the cost of knowing which letters are capitals.
func capitals(word []rune) float64 {
	n, letters := 0, 0
	for _, r := range word {
		if unicode.IsLetter(r) {
			letters++
		}
		if unicode.IsUpper(r) {
			n++
		}
	}
	switch {
	case n == 0:
		return 0
	case n == letters, n == 1 && (unicode.IsUpper(word[0]) || unicode.IsUpper(word[len(word)-1])):
		return math.Log10(2)
	}
	return float64(min(n, letters-n)) * math.Log10(4)
}

// rows are walks over a keyboard, Swedish ones included.
var rows = [][]rune{
	[]rune("qwertyuiopå"), []rune("asdfghjklöä"), []rune("zxcvbnm,.-"), []rune("1234567890+"), []rune("!\"#¤%&/()=?"), []rune("!@#$%^&*()_+"),
	[]rune("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0pö-"), []rune("qazwsxedcrfvtgbyhnujmik"), []rune("q1w2e3r4t5y6u7i8o9p0"), []rune("1q2w3e4r5t6y7u8i9o0p"),
}

// runs finds pieces of walks over the keyboard, both ways.
func runs(text []rune) (found []piece) {
	lower := []rune(strings.ToLower(string(text)))
	for _, row := range rows {
		back := slices.Clone(row)
		slices.Reverse(back)
		for _, way := range [][]rune{row, back} {
			for i := range lower {
				for start := range way {
					n := 0
					for i+n < len(lower) && start+n < len(way) && lower[i+n] == way[start+n] {
						n++
					}
					for l := 4; l <= n; l++ {
						found = append(found, piece{i, i + l, math.Log10(float64(100 * l))})
					}
				}
			}
		}
	}
	return found
}

// sequences finds abc, 2468, zyx.
func sequences(text []rune) (found []piece) {
	for i := range text {
		for j := i + 2; j < len(text); j++ {
			step := text[i+1] - text[i]
			if text[j]-text[j-1] != step || step < -2 || step > 2 {
				break
			}
			if step != 0 {
				found = append(found, piece{i, j + 1, math.Log10(float64(26 * (j + 1 - i)))})
			}
		}
	}
	return found
}

// dates finds years, and days with a year, in the orders that people write.
func dates(text []rune) (found []piece) {
	for i := range text {
		for _, layout := range []string{"20060102", "02012006", "01022006", "060102", "020106", "2006-01-02", "02.01.2006", "02/01/2006"} {
			if j := i + len(layout); j <= len(text) {
				if at, err := time.Parse(layout, string(text[i:j])); err == nil && at.Year() > 1900 && at.Year() < 2060 {
					found = append(found, piece{i, j, math.Log10(365 * 150)})
				}
			}
		}
		if j := i + 4; j <= len(text) {
			if y := string(text[i:j]); y >= "1900" && y <= "2059" {
				if _, err := time.Parse("2006", y); err == nil {
					found = append(found, piece{i, j, math.Log10(160)})
				}
			}
		}
	}
	return found
}

// repetitions finds what is said again and again.
func repetitions(text []rune, rank func(string) int) (found []piece) {
	for i := range text {
		var shorter []int // periods: what is said twice in two of them is nothing new
		for period := 1; i+2*period <= len(text); period++ {
			if slices.ContainsFunc(shorter, func(p int) bool { return period%p == 0 }) {
				continue
			}
			times := 1
			for end := i + (times+1)*period; end <= len(text) && slices.Equal(text[end-period:end], text[i:i+period]); end += period {
				times++
			}
			if times == 1 {
				continue
			}
			shorter = append(shorter, period)
			once := cheapest(text[i:i+period], rank, false)
			for n := 2; n <= times; n++ {
				found = append(found, piece{i, i + n*period, once + math.Log10(float64(n))})
			}
		}
	}
	return found
}
