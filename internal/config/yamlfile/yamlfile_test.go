package yamlfile

import (
	"reflect"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

var format = Format{
	Names:   []string{"sftp.listen", "remotes.allow", "folders.path", "folders.include"},
	Example: `"sftp:"`, List: "folders", Item: "- path: /srv/payments",
}

func TestLeavesComeWithTheirNamesItemsAndLines(t *testing.T) {
	got, err := format.Read("f.yaml", []byte("# all of it\nsftp.listen: 127.0.0.1:2022\nremotes:\n  allow: [10.0.0.0/8, \"fd00::/8\"]\nfolders:\n- path: /a\n  include: []\n- path: |\n    /b\n"))
	want := []Setting{
		{Name: "sftp.listen", Value: []string{"127.0.0.1:2022"}, Line: 2},
		{Name: "remotes.allow", Value: []string{"10.0.0.0/8", "fd00::/8"}, Line: 4},
		{Name: "folders.path", Value: []string{"/a"}, Line: 6},
		{Name: "folders.include", Value: []string{}, Line: 7},
		{Name: "folders.path", Item: 1, Value: []string{"/b"}, Line: 8},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

func TestAnEmptySectionOrFileSetsNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "sftp:\nfolders:\n", "---\n---\n"} {
		if got, err := format.Read("f.yaml", []byte(text)); err != nil || len(got) != 0 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"sftp:\n  listn: x\n":                                 `f.yaml:2: there is no setting "sftp.listn"; did you mean "sftp.listen"?`,
		"database.password: hunter2\n":                        `f.yaml:1: there is no setting "database.password"`,
		"sftp.listen: a\nsftp:\n  listen: b\n":                `f.yaml:3: "sftp.listen" is set twice, first in line 1`,
		"sftp.listen: &a x\n":                                 `f.yaml:1: "sftp.listen" wants a plain value`,
		"sftp.listen: !!str x\n":                              `f.yaml:1: "sftp.listen" wants a plain value`,
		"remotes.allow: [[a], b]\n":                           `f.yaml:1: "remotes.allow" wants a plain value`,
		"remotes.allow:\n- a: b\n":                            `f.yaml:1: "remotes.allow" wants a plain value`,
		"sftp.listen:\n  address: x\n":                        `f.yaml:2: there is no setting "sftp.listen.address"`,
		"- sftp\n":                                            `f.yaml:1: expected settings like "sftp:"`,
		"folders:\n- /srv\n":                                  `f.yaml:2: "folders" is a list of items like "- path: /srv/payments"`,
		"folders:\n- path: /a\n- {}\n":                        `f.yaml:3: this item of "folders" says nothing`,
		"folders: /srv\n":                                     `f.yaml:1: there is no setting "folders"`,
		"sftp:\n  listen: \"127.0.0.1\n":                      `f.yaml:2: `,
		"sftp.listen: " + strings.Repeat("x", maxFile) + "\n": "f.yaml: larger than 1 MiB",
	} {
		_, err := format.Read("f.yaml", []byte(text))
		if got := fault.Message(err); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(got, want) {
			t.Errorf("%.40q: %q\nwant %q", text, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("sftp:\n  listen: 127.0.0.1:2022\n"))
	f.Add([]byte("remotes.allow: [1, 2]\nsftp.listen: |\n  x\n"))
	f.Add([]byte("folders:\n- path: /a\n- include: [a, b]\n"))
	f.Add([]byte("&a {*a : 1}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		settings, err := format.Read("f.yaml", text)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatalf("error of kind %v: %v", fault.KindOf(err), err)
		}
		for _, s := range settings {
			if s.Line < 1 {
				t.Errorf("setting %q without a line", s.Name)
			}
		}
	})
}
