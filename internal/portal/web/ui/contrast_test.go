package ui

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// tokens are the colours of the light and of the dark page.
func tokens(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	text, err := styleFiles.ReadFile("css/1-tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(text), "prefers-color-scheme: dark", 2)
	read := func(css string) map[string]string {
		all := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
			all[m[1]] = m[2]
		}
		return all
	}
	return read(parts[0]), read(parts[1])
}

// luminance and contrast are as WCAG 2.2 defines them.
func luminance(hex string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	pairs := []struct {
		text, grounds string
		least         float64
	}{
		{"ink", "ground surface sunken accent-soft good-soft warning-soft bad-soft info-soft", 7},
		{"muted", "ground surface sunken accent-soft", 4.5},
		{"link", "ground surface accent-soft info-soft", 4.5},
		{"on-accent", "accent accent-hover danger danger-hover", 4.5},
		{"good", "good-soft surface", 4.5},
		{"warning", "warning-soft surface", 4.5},
		{"bad", "bad-soft surface", 4.5},
		{"info", "info-soft surface", 4.5},
		{"quiet", "quiet-soft surface", 4.5},
		{"line-strong", "surface", 3},
		{"focus", "ground surface", 3},
		{"bar-part", "surface", 3},
	}
	light, dark := tokens(t)
	for name, theme := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			for ground := range strings.FieldsSeq(p.grounds) {
				if theme[p.text] == "" || theme[ground] == "" {
					t.Fatalf("%s: no token %s or %s", name, p.text, ground)
				}
				if got := contrast(theme[p.text], theme[ground]); got < p.least {
					t.Errorf("%s: %s on %s is %.2f, less than %.1f", name, p.text, ground, got, p.least)
				}
			}
		}
	}
}
