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

// BICv03 is the stricter pattern of the version 03 schemas: six letters first,
// no 0 or 1 in place 7, no O in place 8.
func BICv03[T Text](s T) bool {
	if !BIC(s) {
		return false
	}
	for i := range 4 {
		if !isCapital(s[i]) {
			return false
		}
	}
	return s[6] != '0' && s[6] != '1' && s[7] != 'O'
}
