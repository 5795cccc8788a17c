package web

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/index/check"
	"sealgate/internal/payment"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// foundPayment is a payment and the file that it came in.
type foundPayment struct {
	FileID string `json:"file_id"`
	payment.Payment
}

// paymentPage is the API's page of payments.
type paymentPage struct {
	Total        int64          `json:"total"`
	TotalIsExact bool           `json:"total_is_exact"`
	Next         *string        `json:"next"`
	Payments     []foundPayment `json:"payments"`
}

// paymentList is the page of payments.
type paymentList struct {
	paymentPage
	Form   *ui.Form
	File   string // whose payments they are; "" = of all files
	Pager  ui.Pager
	Export string
	Asked  bool
}

// paymentFilters are what people type, but for the amounts and the file.
var paymentFilters = []string{"payee", "number", "reference", "from", "to", "currency"}

// paymentQuery turns what was typed into what the API is asked.
func (v *visit) paymentQuery(form *ui.Form) url.Values {
	query := url.Values{}
	for _, key := range paymentFilters {
		if text := strings.TrimSpace(form.Values.Get(key)); text != "" {
			query.Set(key, text)
		}
	}
	for _, key := range []string{"from", "to"} {
		if text := query.Get(key); text != "" {
			if _, err := time.Parse(time.DateOnly, text); err != nil {
				form.Fail(key, v.L.T("form.date"))
			}
		}
	}
	currency := strings.ToUpper(query.Get("currency"))
	decimals, known := check.Currency(currency)
	if currency == "" {
		decimals = 2
	} else if !known {
		form.Fail("currency", v.L.T("form.currency"))
	} else {
		query.Set("currency", currency)
	}
	for _, key := range []string{"min", "max"} {
		text := strings.TrimSpace(form.Values.Get(key))
		if text == "" {
			continue
		}
		minor, ok := amountOf(text, decimals)
		if !ok {
			form.Fail(key, v.L.T("form.amount"))
			continue
		}
		query.Set(key, strconv.FormatInt(minor, 10))
	}
	if form.Values.Get("held") != "" {
		query.Set("held", "true")
	}
	if id := form.Values.Get("file"); id != "" {
		query.Set("file", id)
	}
	return query
}

// written is an amount as people write it: figures, in groups of three or not, and a
// part behind the decimal sign.
var written = regexp.MustCompile(`^(\d+|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:,\d{3})+)(?:([.,])(\d+))?$`)

// amountOf reads an amount in the way of any language. What could be a group of three
// figures is one, but for a currency of three decimals.
func amountOf(text string, decimals int) (int64, bool) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "", "\u2212", "-").Replace(text)
	text, negative := strings.CutPrefix(text, "-")
	m := written.FindStringSubmatch(text)
	if m == nil || m[2] != "" && strings.Contains(m[1], m[2]) {
		return 0, false
	}
	whole, part := strings.NewReplacer(".", "", ",", "").Replace(m[1]), m[3]
	switch grouped := len(whole) < len(m[1]); {
	case grouped && decimals == 3 && part == "" && strings.Count(text, ".")+strings.Count(text, ",") == 1:
		whole, part = whole[:len(whole)-3], whole[len(whole)-3:]
	case !grouped && decimals != 3 && len(part) == 3 && len(whole) <= 3:
		whole, part = whole+part, ""
	}
	if part != "" {
		whole += "." + part
	}
	minor, code := check.Amount(whole, decimals)
	if negative {
		minor = -minor
	}
	return minor, code == ""
}

func (v *visit) payments() error {
	if _, _, err := v.TheAccount(); err != nil {
		return err
	}
	asked := v.R.URL.Query()
	list := paymentList{Form: &ui.Form{Values: asked}, File: asked.Get("file")}
	query := v.paymentQuery(list.Form)
	list.Asked = len(query) > 0
	list.Export = desk.Address(v.At("payments.csv"), withoutKey(asked, "after"))
	if !list.Form.OK() {
		return v.FormAgain("payments", "payments", v.L.T("payments.title"), list)
	}
	query.Set("limit", strconv.Itoa(pageSize))
	if after := asked.Get("after"); after != "" {
		query.Set("after", after)
	}
	if err := v.Get(v.Of("payments"), query, &list.paymentPage); err != nil {
		return err
	}
	list.Pager = pager(v.At("payments"), asked, "after", list.Next)
	return v.Show("payments", "payments", v.L.T("payments.title"), list)
}

func withoutKey(asked url.Values, key string) url.Values {
	query := url.Values{}
	for name, values := range asked {
		if name != key && name != ui.Done && len(values) > 0 && values[0] != "" {
			query[name] = values
		}
	}
	return query
}

// paymentsCSV hands the API's table of the same search on.
func (v *visit) paymentsCSV() error {
	form := &ui.Form{Values: v.R.URL.Query()}
	query := v.paymentQuery(form)
	if !form.OK() {
		v.Redirect(desk.Address(v.At("payments"), v.R.URL.Query()))
		return nil
	}
	c, err := v.API.Download(v.Ctx(), desk.Address(v.Of("payments.csv"), query))
	if err != nil {
		return err
	}
	defer c.Close()
	desk.Attach(v.W, "payments-"+v.Account+".csv")
	v.W.Header().Set("Content-Type", "text/csv; charset=utf-8")
	return v.handOn(c)
}

// payment is the page of one payment.
func (v *visit) payment() error {
	seq, err := strconv.ParseInt(v.R.PathValue("seq"), 10, 64)
	if err != nil || seq < 1 {
		return fault.New(fault.NotFound, "web: payment", "there is no such payment")
	}
	var page paymentPage
	query := url.Values{"file": {v.R.PathValue("file")}, "seq": {strconv.FormatInt(seq, 10)}, "limit": {"1"}}
	if err := v.Get(v.Of("payments"), query, &page); err != nil {
		return err
	}
	if len(page.Payments) == 0 {
		return fault.New(fault.NotFound, "web: payment", "there is no such payment")
	}
	title := v.L.T("payment.title", "seq", seq)
	return v.Show("payment", "payments", title, page.Payments[0], ui.Crumb{Label: v.L.T("payments.title"), Href: v.At("payments")})
}

// handOn gives what the API gives. What has left looks whole only when its end has:
// where the rest is missing the connection is cut.
func (v *visit) handOn(content io.Reader) error {
	if _, err := io.Copy(v.W, content); err != nil {
		v.Log.WarnContext(v.Ctx(), "web: a download ended early", "route", v.R.Pattern, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
