package accountdb

import (
	"reflect"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
)

// A detail that was cut or changed is damaged, and never a panic or a payment
// with other texts than it had.
func TestADamagedDetailSaysSo(t *testing.T) {
	p := pay(1)
	detail := pack(nil, p)
	for n := range detail {
		wantKind(t, "a detail that was cut", unpack(detail[:n], &payment.Payment{}), fault.Damaged)
	}
	wantKind(t, "a detail with more behind it", unpack(append(detail[:len(detail):len(detail)], 0), &payment.Payment{}), fault.Damaged)
	wantKind(t, "a detail of a later format", unpack(append([]byte{detailFormat + 1}, detail[1:]...), &payment.Payment{}), fault.Damaged)
}

func FuzzDetail(f *testing.F) {
	f.Add(pack(nil, pay(1)))
	f.Add(pack(nil, &payment.Payment{Batch: -1, Immediate: true, Message: ptr("")}))
	f.Add([]byte{detailFormat, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, detail []byte) {
		var p, again payment.Payment
		if unpack(detail, &p) != nil {
			return
		}
		if err := unpack(pack(nil, &p), &again); err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%+v becomes %+v, %v", p, again, err)
		}
	})
}
