# Files that are gone but open, replaced while open, and moved over others.
echo old > f; exec 4< f; rm f; cat <&4; ls; exec 4<&-
echo first > a; exec 4< a; echo second > b; mv b a; cat <&4 a; exec 4<&-; ls
echo x > open; exec 5>> open; mv open moved; echo y >&5; cat moved; exec 5>&-; rm -f none; echo $?; rm none; echo $?
mkdir d; echo z > d/z; mv a d; ls d; mv d/a d/z; cat d/z; rm -rf d; ls
