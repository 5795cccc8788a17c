package check

var monthDays = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// day reports whether the calendar has this day.
func day(y, m, d int) bool {
	if y < 1 || m < 1 || m > 12 || d < 1 {
		return false
	}
	if m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		return d <= 29
	}
	return d <= monthDays[m]
}

// number reads n digits at the start of s; -1 when there are not that many.
func number[T Text](s T, n int) int {
	if len(s) < n {
		return -1
	}
	v := 0
	for i := range n {
		if !isDigit(s[i]) {
			return -1
		}
		v = v*10 + int(s[i]-'0')
	}
	return v
}

// Date reports whether s is exactly YYYY-MM-DD and a day of the calendar.
func Date[T Text](s T) bool {
	return len(s) == 10 && s[4] == '-' && s[7] == '-' && day(number(s, 4), number(s[5:], 2), number(s[8:], 2))
}

// DateDay returns the day of an XML Schema date: YYYY-MM-DD and perhaps a
// zone, which does not shift the day.
func DateDay[T Text](s T) (T, bool) {
	if len(s) < 10 || !Date(s[:10]) || !zone(s[10:]) {
		return s[:0], false
	}
	return s[:10], true
}

// DateTimeDay returns the day of an XML Schema dateTime as written. A plain
// date, which many programs write in its place, is taken too.
func DateTimeDay[T Text](s T) (T, bool) {
	if len(s) > 10 && s[10] == 'T' {
		if !Date(s[:10]) || !clock(s[11:]) {
			return s[:0], false
		}
		return s[:10], true
	}
	return DateDay(s)
}

// clock reports whether s is hh:mm:ss, a fraction or none, a zone or none.
func clock[T Text](s T) bool {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return false
	}
	h, m, sec := number(s, 2), number(s[3:], 2), number(s[6:], 2)
	if h < 0 || m < 0 || sec < 0 || h > 24 || m > 59 || sec > 59 || (h == 24 && m+sec > 0) {
		return false
	}
	s = s[8:]
	if len(s) > 0 && s[0] == '.' {
		i := 1
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == 1 {
			return false
		}
		s = s[i:]
	}
	return zone(s)
}

// zone reports whether s is nothing, Z, or an offset of at most 14 hours.
func zone[T Text](s T) bool {
	if len(s) == 0 || (len(s) == 1 && s[0] == 'Z') {
		return true
	}
	if len(s) != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':' {
		return false
	}
	h, m := number(s[1:], 2), number(s[4:], 2)
	return h >= 0 && m >= 0 && m <= 59 && h*60+m <= 14*60
}

// ShortDate reads YYMMDD, the day of the Swedish formats, as 20YY-MM-DD.
func ShortDate[T Text](s T) (string, bool) {
	if len(s) != 6 || !day(number(s, 2)+2000, number(s[2:], 2), number(s[4:], 2)) || !isDigit(s[0]) || !isDigit(s[1]) {
		return "", false
	}
	b := [10]byte{'2', '0', s[0], s[1], '-', s[2], s[3], '-', s[4], s[5]}
	return string(b[:]), true
}
