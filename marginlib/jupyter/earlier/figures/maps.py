from marginlib.course import survival_chart
