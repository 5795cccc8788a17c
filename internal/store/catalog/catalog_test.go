package catalog_test

import (
	"testing"

	"sealgate/internal/store/catalog/catalogtest"
)

func TestContract(t *testing.T) {
	catalogtest.Run(t, catalogtest.Open)
}
