package paygen

import (
	"fmt"
	"strconv"
)

// rng is splitmix64: small, fast and the same everywhere.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// pay is one synthetic payment; all but the amount are seeds.
type pay struct {
	amount  uint64 // minor units
	account uint64
	name    uint64
	ref     uint64
}

func (r *rng) pay() pay {
	return pay{amount: 100 + r.next()%5_000_000, account: r.next(), name: r.next(), ref: r.next()}
}

// sum adds the amounts of the next n payments.
func (r *rng) sum(n uint64) (total uint64) {
	for range n {
		total += r.pay().amount
	}
	return total
}

var (
	givenNames  = []string{"Åsa", "Björn", "Cecilia", "David", "Eva", "Fredrik", "Göran", "Hanna", "Ingrid", "Jörgen", "Karin", "Lars", "Märta", "Nils", "Örjan", "Pernilla"}
	familyNames = []string{"Andersson", "Bäckström", "Cedergren", "Dahl", "Ekström", "Fält", "Grönlund", "Häll", "Isaksson", "Jönsson", "Källman", "Löfgren", "Månsson", "Näslund", "Öberg", "Pålsson"}
	kinds       = []string{"AB", "HB", "KB", "Ekonomisk förening", "Bygg AB", "Åkeri AB", "Konsult AB", "Livs AB"}
)

func name(s uint64) string {
	return givenNames[s%16] + " " + familyNames[(s>>8)%16] + " " + kinds[(s>>16)%8]
}

// withLuhn adds the check digit.
func withLuhn(digits []byte) string {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return string(append(digits, byte('0'+(10-sum%10)%10)))
}

// bankgiro gives a number of eight digits.
func bankgiro(s uint64) string {
	return withLuhn(strconv.AppendUint(nil, 5_000_000+s%900_000, 10))
}

// ocr gives a reference of ten digits.
func ocr(s uint64) string {
	return withLuhn(strconv.AppendUint(nil, 100_000_000+s%900_000_000, 10))
}

// iban gives a Swedish IBAN; only the mod 97 check is right.
func iban(s uint64) string {
	bban := fmt.Sprintf("500%017d", s%100_000_000_000_000_000)
	rem := 0
	for _, c := range bban + "281400" { // SE00 moved to the end: S=28, E=14
		rem = (rem*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("SE%02d%s", 98-rem, bban)
}

func kronor(minor uint64) string { return fmt.Sprintf("%d.%02d", minor/100, minor%100) }
