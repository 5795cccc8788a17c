package check

// BIC reports whether s has the shape of a BIC (ISO 9362): four letters or
// digits, two letters of country, two letters or digits, and optionally three.
func BIC[T Text](s T) bool {
	if len(s) != 8 && len(s) != 11 {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) {
			return false
		}
	}
	return isCapital(s[4]) && isCapital(s[5])
}
