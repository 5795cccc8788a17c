package detail

import (
	"reflect"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
)

func ptr[T any](v T) *T { return &v }

// full is a payment with everything that a detail holds.
func full() *payment.Payment {
	return &payment.Payment{
		Batch: 1, BatchID: ptr("B1"), Direction: payment.Out, Immediate: true,
		Payer:     payment.Party{Name: ptr("Björkö Livs AB"), Account: &payment.Account{Scheme: payment.SchemeIBAN, Number: "SE8050000000052810112347", Bank: ptr("ESSESESS")}},
		Payee:     payment.Party{Name: ptr("Östermalms Åkeri HB"), Account: &payment.Account{Scheme: payment.SchemeBankgiro, Number: "59990473"}},
		Reference: &payment.Reference{Type: "ocr", Value: "77319002"}, Message: ptr("Faktura 1\nKundnr 2"),
		EndToEndID: ptr("E2E"), InstructionID: ptr("I"), Kind: payment.KindTransfer,
	}
}

func TestADetailComesBackAsItWas(t *testing.T) {
	for _, p := range []*payment.Payment{full(), {}, {Batch: -1, Message: ptr("")}} {
		var got payment.Payment
		if err := Unpack(Pack(nil, p), &got); err != nil || !reflect.DeepEqual(&got, p) {
			t.Errorf("%+v becomes %+v, %v", p, got, err)
		}
	}
}

// A detail that was cut or changed is damaged, and never a panic or a payment
// with other texts than it had.
func TestADamagedDetailSaysSo(t *testing.T) {
	detail := Pack(nil, full())
	damaged := func(what string, detail []byte) {
		t.Helper()
		if err := Unpack(detail, &payment.Payment{}); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range detail {
		damaged("a detail that was cut", detail[:n])
	}
	damaged("a detail with more behind it", append(detail[:len(detail):len(detail)], 0))
	damaged("a detail of a later format", append([]byte{format + 1}, detail[1:]...))
}

func FuzzDetail(f *testing.F) {
	f.Add(Pack(nil, full()))
	f.Add(Pack(nil, &payment.Payment{Batch: -1, Immediate: true, Message: ptr("")}))
	f.Add([]byte{format, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, detail []byte) {
		var p, again payment.Payment
		if Unpack(detail, &p) != nil {
			return
		}
		if err := Unpack(Pack(nil, &p), &again); err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%+v becomes %+v, %v", p, again, err)
		}
	})
}
