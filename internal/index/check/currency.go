package check

// Currency returns the number of decimals of an ISO 4217 code in capitals.
//
// Codes withdrawn in the last years are still known, because archives must stay
// searchable; XXX (no currency) and XTS (testing) are not, because nothing can
// be paid in them.
func Currency[T Text](code T) (decimals int, ok bool) {
	if len(code) != 3 || !isCapital(code[0]) || !isCapital(code[1]) || !isCapital(code[2]) {
		return 0, false
	}
	d := currencies[letterPair(code[0], code[1])*26+int(code[2]-'A')]
	return int(d) - 1, d > 0
}

// currencies has the decimals plus one of each code, 0 for no code.
var currencies = func() (t [26 * 26 * 26]uint8) {
	for decimals, codes := range [...]string{
		0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
		2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF " +
			"CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK " +
			"HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR " +
			"MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP " +
			"SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XAG XAU " +
			"XBA XBB XBC XBD XCD XCG XDR XPD XPT XSU XUA YER ZAR ZMW ZWG ZWL ",
		3: "BHD IQD JOD KWD LYD OMR TND ",
		4: "CLF UYW ",
	} {
		for ; codes != ""; codes = codes[4:] {
			t[letterPair(codes[0], codes[1])*26+int(codes[2]-'A')] = uint8(decimals + 1)
		}
	}
	return t
}()
