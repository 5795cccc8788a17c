package home

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/config/yamlfile"
)

// keys is the table of all settings; a value that is no list is a list of one.
var keys = map[string]func(c *checker, v []string) error{
	"gateway":            func(c *checker, v []string) error { return site(&c.Gateway, v, "http", "https") },
	"proxy":              func(c *checker, v []string) error { return proxy(&c.Proxy, v) },
	"ca":                 func(c *checker, v []string) error { return c.path(&c.CA, v) },
	"outbox":             func(c *checker, v []string) error { return c.path(&c.Outbox, v) },
	"fetch.as":           func(c *checker, v []string) error { return oneOf(&c.As, v, Opened, Sealed) },
	"fetch.access-key":   func(c *checker, v []string) error { return c.path(&c.AccessKey, v) },
	"bandwidth":          func(c *checker, v []string) error { return bandwidth(&c.Bandwidth, v) },
	"parallel":           func(c *checker, v []string) error { return count(&c.Parallel, v, 1, maxParallel) },
	"status.listen":      func(c *checker, v []string) error { return loopback(&c.Status, v) },
	"log.level":          func(c *checker, v []string) error { return oneOf(&c.LogLevel, v, "debug", "info", "warn", "error") },
	"folders.path":       func(c *checker, v []string) error { return c.path(&c.folder().Path, v) },
	"folders.include":    func(c *checker, v []string) error { c.folder().Files.Include = v; return nil },
	"folders.exclude":    func(c *checker, v []string) error { c.folder().Files.Exclude = v; return nil },
	"folders.settle":     func(c *checker, v []string) error { return settle(c.folder(), v) },
	"folders.after":      func(c *checker, v []string) error { return oneOf(&c.folder().After, v, Move, Delete) },
	"folders.subfolders": func(c *checker, v []string) error { return yes(&c.folder().Subfolders, v) },
	"folders.ordered":    func(c *checker, v []string) error { return yes(&c.folder().Ordered, v) },
}

// format is that of connect.yaml.
var format = yamlfile.Format{
	Names:   slices.Sorted(maps.Keys(keys)),
	Example: `"outbox: /srv/from-bank"`,
	List:    "folders",
	Item:    "- path: /srv/payments",
}

func one(v []string) (string, error) {
	if len(v) != 1 {
		return "", errors.New("wants one value")
	}
	return v[0], nil
}

func (c *checker) path(dst *string, v []string) error {
	s, err := one(v)
	if err != nil || s == "" {
		return errors.Join(err, errors.New("wants a path"))
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(c.base, s)
	}
	*dst = filepath.Clean(s)
	return nil
}

func oneOf[S ~string](dst *S, v []string, allowed ...S) error {
	s, err := one(v)
	if err != nil {
		return err
	}
	if !slices.Contains(allowed, S(s)) {
		return fmt.Errorf("%q is none of %v", s, allowed)
	}
	*dst = S(s)
	return nil
}

func yes(dst *bool, v []string) error {
	var word string
	err := oneOf(&word, v, "true", "false")
	*dst = word == "true"
	return err
}

func duration(dst *time.Duration, v []string) error {
	s, err := one(v)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 24*time.Hour {
		return fmt.Errorf("%q is no time like 2s or 1m, up to 24h", s)
	}
	*dst = d
	return nil
}

func count(dst *int, v []string, low, high int) error {
	s, err := one(v)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return fmt.Errorf("%q is no number from %d to %d", s, low, high)
	}
	*dst = n
	return nil
}

func site(dst *string, v []string, schemes ...string) error {
	s, err := one(v)
	if err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is no address like %s://gateway.example.com", s, schemes[len(schemes)-1])
	}
	*dst = strings.TrimSuffix(s, "/")
	return nil
}

func proxy(dst *string, v []string) error {
	if len(v) == 1 && v[0] == "direct" {
		*dst = v[0]
		return nil
	}
	if err := site(dst, v, "http", "https"); err != nil {
		return errors.New("wants direct, or an address like http://user:password@proxy.example.com:3128")
	}
	return nil
}

// loopback takes an address of this machine only: the page asks nobody who he is.
func loopback(dst *string, v []string) error {
	s, err := one(v)
	if err != nil {
		return err
	}
	if s == "off" {
		*dst = ""
		return nil
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address like 127.0.0.1:9465", s)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("%q would show the status to the network; it is for this machine only, as 127.0.0.1:9465 is", s)
	}
	*dst = s
	return nil
}

var units = map[string]int64{
	"kb/s": 1000, "mb/s": 1000 * 1000, "gb/s": 1000 * 1000 * 1000,
	"kbit/s": 1000 / 8, "mbit/s": 1000 * 1000 / 8, "gbit/s": 1000 * 1000 * 1000 / 8,
}

// minBandwidth lets a part of a large file through within its time.
const minBandwidth = 10_000

func bandwidth(dst *Bandwidth, v []string) error {
	s, err := one(v)
	if err != nil {
		return err
	}
	if s == "off" {
		*dst = 0
		return nil
	}
	i := strings.LastIndexAny(s, "0123456789") + 1
	n, err := strconv.ParseFloat(s[:i], 64)
	unit := units[strings.ToLower(strings.TrimSpace(s[i:]))]
	if err != nil || unit == 0 || n*float64(unit) < minBandwidth || n > 1e6 {
		return fmt.Errorf("%q is no bandwidth like 10 Mbit/s or 500 kB/s, at least 10 kB/s", s)
	}
	*dst = Bandwidth(n * float64(unit))
	return nil
}

// settle is as long as it says, whether or not somebody tells that a file is open.
func settle(f *Folder, v []string) error {
	if err := duration(&f.Settle, v); err != nil {
		return err
	}
	f.Untold = f.Settle
	return nil
}
