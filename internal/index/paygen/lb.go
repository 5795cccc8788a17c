package paygen

import (
	"bufio"
	"fmt"
)

// writeLB writes sections of 14 records in ISO 8859-1, in which 0xD6 is Ö.
func writeLB(w *bufio.Writer, s Spec) {
	r := rng(s.Seed)
	for i := uint64(0); i < s.Payments; {
		n := min(s.Batch, s.Payments-i)
		sender := bankgiro(i / s.Batch)
		fmt.Fprintf(w, "11%010s260302LEVERANT\xd6RSBETALNINGAR260304%34s\r\n", sender, "")
		total := uint64(0)
		for range n {
			p := r.pay()
			i++
			total += p.amount
			fmt.Fprintf(w, "14%010s%-25s%012d%11s%-20s\r\n", bankgiro(p.account), ocr(p.ref), p.amount, "", fmt.Sprintf("VERIF %d", i))
		}
		fmt.Fprintf(w, "29%010s%08d%012d%48s\r\n", sender, n, total, "")
	}
}
