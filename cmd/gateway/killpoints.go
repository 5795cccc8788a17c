//go:build killpoints

package main

import _ "sealgate/internal/killpoint/armed" // a gateway that tests kill
