"""The plot of a soak: the data folder and the memory over time, each with its bound."""
import shutil
import subprocess


def write(data, path):
    if shutil.which("gnuplot") is None:
        print("soak: gnuplot is not installed, no plot")
        return
    script = """set terminal svg size 1400,900 font 'sans,11' background 'white'
set output '%s'
set datafile separator ','
set multiplot layout 2,1 title 'Soak: full load, checkpoints, kill -9 and restarts; a new data folder where data falls to nothing'
set grid
set xlabel 'seconds'
set ylabel 'MB'
set yrange [0:*]
set key top left horizontal
set title 'Data folder'
plot '%s' using 1:($4/1048576) skip 1 with steps lc rgb '#c03030' title 'bound', \\
     '' using 1:($3/1048576) skip 1 with steps lc rgb '#3060c0' title 'disk use', \\
     '' using 1:($10/1048576) skip 1 with lines lc rgb '#30a050' title 'log since the newest checkpoint', \\
     '' using 1:($7/1048576) skip 1 with lines lc rgb '#808080' title 'data in memory'
set title 'Resident memory'
plot '%s' using 1:($6/1048576) skip 1 with steps lc rgb '#c03030' title 'bound', \\
     '' using 1:($5/1048576) skip 1 with steps lc rgb '#3060c0' title 'resident', \\
     '' using 1:($7/1048576) skip 1 with lines lc rgb '#808080' title 'data'
unset multiplot
""" % (path, data, data)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
