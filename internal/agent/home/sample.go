package home

import _ "embed"

// Sample is a connect.yaml that explains itself, in which nothing is set.
//
//go:embed connect.yaml
var Sample string
