# Prints bench/run's table: reads the rows (bench/bars), then the values
# (metric, who, round, value, load average).
BEGIN { FS = "\t" }

function sorted(a, n,   i, j, t) {
  for (i = 2; i <= n; i++) { t = a[i]; for (j = i - 1; j > 0 && a[j] > t; j--) a[j + 1] = a[j]; a[j + 1] = t }
}
function median(a, n) { return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2 }
function show(v) { return v >= 100 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.2f", v) }

# collect fills list with the values of a metric, in the order of rounds.
function collect(metric, who,   r, n) {
  n = 0
  for (r = 0; r <= rounds; r++) if ((metric, who, r) in value) list[++n] = value[metric, who, r]
  return n
}
function figure(metric, who,   n) {
  n = collect(metric, who)
  if (!n) return who ~ /^ ?$/ ? "" : "not measured"
  sorted(list, n)
  return show(median(list, n)) (n > 1 ? " (" show(list[1]) "–" show(list[n]) ")" : "")
}

NR == FNR { if ($0 !~ /^#/ && NF) row[++rows] = $0; next }
{
  value[$1, $2, $3] = $4 + 0
  if ($3 > rounds) rounds = $3
  if (!seen++ || $5 < calm) calm = $5
  if ($5 > busy) busy = $5
}

END {
  print "| work | unit | Sealgate | beside | its figure | ratio | bar | |"
  print "| --- | --- | --- | --- | --- | --- | --- | --- |"
  for (x = 1; x <= rows; x++) {
    split(row[x], f, "\t")
    if (!collect(f[3], "sealgate")) continue
    n = 0
    for (r = 0; r <= rounds; r++)
      if (((f[3], "sealgate", r) in value) && ((f[5], f[4], r) in value) && value[f[5], f[4], r] > 0)
        ratio[++n] = value[f[3], "sealgate", r] / value[f[5], f[4], r]
    sorted(ratio, n)
    times = n ? "×" sprintf("%.2f", median(ratio, n)) (n > 1 ? sprintf(" (%.2f–%.2f)", ratio[1], ratio[n]) : "") : ""

    bar = f[6]; verdict = ""
    if (bar ~ /^[<>]=/) {
      split(bar, b, " ")
      m = collect(f[3], "sealgate"); sorted(list, m)
      got = b[3] == "x" ? (n ? median(ratio, n) : 0) : median(list, m)
      holds = b[1] == ">=" ? got >= b[2] : got <= b[2]
      verdict = holds ? "holds" : "MISSED"
      held += holds; missed += !holds
    }
    gsub(/>=/, "≥", bar); gsub(/<=/, "≤", bar); sub(/ x$/, " ×", bar)
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", f[1], f[2], figure(f[3], "sealgate"), f[4], figure(f[5], f[4]), times, bar, verdict
  }
  printf "\nMedians (lowest–highest); the ratio is the median of the same-round ratios. Load average %s–%s.\n", calm, busy
  printf "%d bars hold, %d are missed.\n", held, missed
}
