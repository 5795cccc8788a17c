package seal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What of crypto/cipher may be used, in the whole repository. Everything else in
// it takes a nonce or an IV from its caller.
var allowedCipher = map[string]bool{"AEAD": true, "NewGCMWithRandomNonce": true}

// Ciphers whose callers choose nonces, or that have no business here.
var bannedImports = []string{
	"golang.org/x/crypto/chacha20", "golang.org/x/crypto/nacl", "golang.org/x/crypto/salsa20",
	"golang.org/x/crypto/openpgp", "golang.org/x/crypto/xts", "crypto/des", "crypto/rc4",
}

// TestNobodyChoosesNonces reads every Go file of the repository that is not a
// test: none may reach a cipher that takes a nonce, or hand one to Seal.
func TestNobodyChoosesNonces(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		for _, complaint := range nonceUse(t, path, nil) {
			t.Errorf("%s: %s", path, complaint)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files read, %v", files, err)
	}
}

// nonceUse returns what a file does with nonces that it should not.
func nonceUse(t *testing.T, path string, src any) (complaints []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
	if err != nil {
		if src == nil {
			return nil // not yet Go: the compiler will say so
		}
		t.Fatal(err)
	}
	local := ""
	for _, imp := range file.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		for _, banned := range bannedImports {
			if p == banned || strings.HasPrefix(p, banned) {
				complaints = append(complaints, "imports "+p)
			}
		}
		if p == "crypto/cipher" {
			if local = "cipher"; imp.Name != nil {
				local = imp.Name.Name
			}
		}
	}
	if local == "" {
		return complaints
	}
	if local == "." || local == "_" {
		return append(complaints, "imports crypto/cipher under no name")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == local && !allowedCipher[n.Sel.Name] {
				complaints = append(complaints, "uses cipher."+n.Sel.Name)
			}
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			if ok && len(n.Args) == 4 && (f.Sel.Name == "Seal" || f.Sel.Name == "Open") {
				if arg, ok := n.Args[1].(*ast.Ident); !ok || arg.Name != "nil" {
					complaints = append(complaints, "gives a nonce to "+f.Sel.Name)
				}
			}
		}
		return true
	})
	return complaints
}

// TestTheNonceTestSees proves that the test above finds what it is for.
func TestTheNonceTestSees(t *testing.T) {
	for src, want := range map[string]int{
		`package x; import "crypto/cipher"; var a, _ = cipher.NewGCM(nil)`:                                1,
		`package x; import c "crypto/cipher"; var a = c.NewCTR(nil, nil)`:                                 1,
		`package x; import . "crypto/cipher"`:                                                             1,
		`package x; import "golang.org/x/crypto/chacha20poly1305"`:                                        1,
		`package x; import "crypto/cipher"; func f(a cipher.AEAD, n []byte) { a.Seal(nil, n, nil, nil) }`: 1,
		`package x; import "crypto/cipher"; func f(a cipher.AEAD) { a.Seal(nil, nil, nil, nil) }`:         0,
		`package x; import "crypto/cipher"; var a, _ = cipher.NewGCMWithRandomNonce(nil)`:                 0,
		`package x; func f(r R) { r.Seal("table", "column", 1, nil) }`:                                    0,
	} {
		if got := nonceUse(t, "x.go", src); len(got) != want {
			t.Errorf("%s: %v", src, got)
		}
	}
}
